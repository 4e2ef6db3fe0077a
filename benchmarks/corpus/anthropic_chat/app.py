"""A client of Anthropic made at import, and one message."""

import anthropic
import loopback

CLIENT = anthropic.Anthropic(api_key="none", base_url=loopback.start(), max_retries=0)


def handler(event, context):
    """Ask the model."""
    messages = [{"role": "user", "content": event["question"]}]
    answer = CLIENT.messages.create(model="m", max_tokens=16, messages=messages)
    return {"answer": answer.content[0].text, "tokens": answer.usage.output_tokens}
