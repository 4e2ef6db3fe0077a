"""Our files in Lambda's folders: /var/lang, /var/runtime, /var/task, /opt, in a mount namespace."""
