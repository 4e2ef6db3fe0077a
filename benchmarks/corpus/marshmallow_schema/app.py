"""marshmallow: a schema that loads, checks and dumps."""

from marshmallow import Schema, ValidationError, fields, validate


class Address(Schema):
    """An address."""

    city = fields.Str(required=True)
    code = fields.Str(validate=validate.Regexp(r"^\d{5}$"))


class Customer(Schema):
    """A customer."""

    name = fields.Str(required=True, validate=validate.Length(min=1))
    since = fields.Date()
    address = fields.Nested(Address)


CUSTOMER = Customer()


def handler(event, context):
    """Load a customer, and dump it."""
    try:
        return CUSTOMER.dump(CUSTOMER.load(event))
    except ValidationError as exc:
        return {"wrong": exc.messages}
