"""A client of OpenAI made at import, and one completion."""

import loopback
import openai

CLIENT = openai.OpenAI(api_key="none", base_url=loopback.start() + "/v1", max_retries=0)


def handler(event, context):
    """Ask the model."""
    messages = [{"role": "user", "content": event["question"]}]
    answer = CLIENT.chat.completions.create(model="m", messages=messages)
    return {"answer": answer.choices[0].message.content}
