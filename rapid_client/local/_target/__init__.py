"""What layers and functions are built with: the target, wheels, bytecode, binaries, the zip file."""
