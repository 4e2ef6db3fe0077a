variable "name" {
  description = "The function's name"
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name is \"${var.name}\"; a function's name is 1 to 64 letters, digits, - and _."
  }
}

variable "way" {
  description = "provided: an OS-only runtime with the layer; managed: the managed runtime with the wrapper; image: a container image"
  type        = string
  validation {
    condition     = contains(["provided", "managed", "image"], var.way)
    error_message = "way is \"${var.way}\"; it must be provided, managed or image."
  }
}

variable "handler" {
  description = "module.function; an image names its own"
  type        = string
  default     = "app.handler"
}

variable "function_zip" {
  description = "The function's code as a zip; an image has its own"
  type        = string
  default     = null
  validation {
    condition     = var.way == "image" || var.function_zip != null
    error_message = "function_zip is not set; way = \"${var.way}\" needs the function's code as a zip."
  }
}

variable "image_uri" {
  description = "The image in Amazon ECR, for the same architecture"
  type        = string
  default     = null
  validation {
    condition     = (var.way == "image") == (var.image_uri != null)
    error_message = "image_uri is for way = \"image\", which needs it; way is \"${var.way}\"."
  }
}

variable "layer_arn" {
  description = "A published version of the layer; without it, the zip in layer_dir is published"
  type        = string
  default     = null
  validation {
    condition     = var.layer_arn == null || can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", var.layer_arn))
    error_message = "layer_arn is \"${coalesce(var.layer_arn, "null")}\"; it must be the ARN of a layer version (it ends in a number)."
  }
}

variable "layer_dir" {
  description = "Where `rapid layer build --out` put the layers"
  type        = string
  default     = "dist"
}

variable "provided_runtime" {
  description = "The OS-only runtime under the layer. provided.al2 is deprecated by AWS: only for what cannot move yet"
  type        = string
  default     = "provided.al2023"
  validation {
    condition     = contains(["provided.al2023", "provided.al2"], var.provided_runtime)
    error_message = "provided_runtime is \"${var.provided_runtime}\"; it must be provided.al2023 or provided.al2."
  }
}

variable "architecture" {
  description = "arm64 or x86_64"
  type        = string
  default     = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is \"${var.architecture}\"; it must be arm64 or x86_64."
  }
}

variable "memory_size" {
  description = "Megabytes"
  type        = number
  default     = 256
  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "memory_size is ${var.memory_size}; it must be from 128 to 10240 (MB)."
  }
}

variable "timeout" {
  description = "Seconds"
  type        = number
  default     = 10
  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "timeout is ${var.timeout}; it must be from 1 to 900 (seconds)."
  }
}

variable "log_format" {
  description = "JSON or Text"
  type        = string
  default     = "JSON"
  validation {
    condition     = contains(["JSON", "Text"], var.log_format)
    error_message = "log_format is \"${var.log_format}\"; it must be JSON or Text."
  }
}

variable "xray" {
  description = "Trace with X-Ray"
  type        = bool
  default     = false
}

variable "environment" {
  description = "The function's environment variables"
  type        = map(string)
  default     = {}
}
