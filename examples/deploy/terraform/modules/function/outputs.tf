output "name" {
  description = "The function's name, to invoke it by"
  value       = aws_lambda_function.this.function_name
}

output "layer_arn" {
  description = "The layer version that it runs on; null for an image"
  value       = one(local.layers)
}
