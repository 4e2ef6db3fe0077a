"""Powertools' parser and batch processor on messages of SQS."""

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser import BaseModel
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from aws_lambda_powertools.utilities.parser.types import Json


class Job(BaseModel):
    """What a message's body holds."""

    id: int
    name: str = "unnamed"


class Record(SqsRecordModel):
    """A message with a job."""

    body: Json[Job]


processor = BatchProcessor(event_type=EventType.SQS, model=Record, raise_on_entire_batch_failure=False)


def work(record: Record) -> int:
    """Do one job."""
    if record.body.id < 0:
        raise ValueError(f"job {record.body.id}")
    return record.body.id


def handler(event, context):
    """Work through a batch; say which messages failed."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)
