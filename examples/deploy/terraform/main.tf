# The same function in each of the three ways. Keep the module that you need.

variable "architecture" {
  description = "arm64 or x86_64"
  type        = string
  default     = "arm64"
}

variable "image_uri" {
  description = "The image in Amazon ECR; without it there is no image function"
  type        = string
  default     = null
}

locals {
  dist        = "${path.root}/../../../dist" # the layers, and function.zip: see ../README.md
  environment = { GREETING = "Hello" }
}

module "provided" {
  source       = "./modules/function"
  way          = "provided"
  name         = "rapid-provided"
  function_zip = "${local.dist}/function.zip"
  layer_dir    = local.dist
  architecture = var.architecture
  environment  = local.environment
}

module "managed" {
  source       = "./modules/function"
  way          = "managed"
  name         = "rapid-managed"
  function_zip = "${local.dist}/function.zip"
  layer_dir    = local.dist
  architecture = var.architecture
  environment  = local.environment
}

module "image" {
  source       = "./modules/function"
  count        = var.image_uri == null ? 0 : 1
  way          = "image"
  name         = "rapid-image"
  image_uri    = var.image_uri
  architecture = var.architecture
  environment  = local.environment
}

output "functions" {
  value = concat([module.provided.name, module.managed.name], module.image[*].name)
}
