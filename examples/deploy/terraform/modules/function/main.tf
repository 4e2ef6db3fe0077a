# One function that runs on rapid_client, in one of three ways. Copy the folder, or name it as a module's source.

terraform {
  required_version = ">= 1.9" # validations that look at other variables
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

locals {
  is_image = var.way == "image"
  runtime = {
    provided = var.provided_runtime
    managed  = "python3.13"
    image    = null
  }[var.way]
  layer_name = var.way == "provided" ? "rapid-${local.runtime}-python3.13-${var.architecture}" : "rapid-python3.13-${var.architecture}"
  layer_zip  = "${var.layer_dir}/${local.layer_name}.zip"
  layers     = local.is_image ? [] : [coalesce(var.layer_arn, one(aws_lambda_layer_version.this[*].arn))]
  # Whatever the way, the function's own variables are the same. RAPID_WRAPPER = "off" among them switches back.
  environment = merge(var.environment, var.way == "managed" ? { AWS_LAMBDA_EXEC_WRAPPER = "/opt/rapid-wrapper" } : {})
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = aws_iam_role.this.arn
  package_type     = local.is_image ? "Image" : "Zip"
  runtime          = local.runtime
  handler          = local.is_image ? null : var.handler
  filename         = local.is_image ? null : var.function_zip
  source_code_hash = local.is_image ? null : filebase64sha256(var.function_zip)
  image_uri        = local.is_image ? var.image_uri : null
  layers           = local.layers
  architectures    = [var.architecture]
  memory_size      = var.memory_size
  timeout          = var.timeout

  environment {
    variables = local.environment
  }
  logging_config {
    log_format = var.log_format
    log_group  = aws_cloudwatch_log_group.this.name
  }
  tracing_config {
    mode = var.xray ? "Active" : "PassThrough"
  }

  # Lambda checks that the role may send traces when it makes the function.
  depends_on = [aws_iam_role_policy.this]
}

# The zip that `rapid layer build` made; above 50 MB it has to go by S3 (docs/deploying.md).
resource "aws_lambda_layer_version" "this" {
  count                    = !local.is_image && var.layer_arn == null ? 1 : 0
  layer_name               = "${var.name}-rapid"
  filename                 = local.layer_zip
  source_code_hash         = filebase64sha256(local.layer_zip)
  compatible_runtimes      = [local.runtime]
  compatible_architectures = [var.architecture]
  skip_destroy             = true # a roll-back needs the version before

  lifecycle {
    precondition {
      condition     = fileexists(local.layer_zip)
      error_message = "${local.layer_zip} is not there: make it by `rapid layer build --runtime ${local.runtime} --arch ${var.architecture} --python 3.13 --out ${var.layer_dir}`, or give layer_arn."
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 14
}

# The role can write to that log group, send traces if there are any, and do nothing else.
resource "aws_iam_role" "this" {
  name_prefix        = substr("${var.name}-", 0, 38)
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
  dynamic "statement" {
    for_each = var.xray ? ["xray"] : []
    content {
      actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      resources = ["*"] # X-Ray's write actions take no resource
    }
  }
}
