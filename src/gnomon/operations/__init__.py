"""What can be done, a use case a file, over the ports in ``ports``."""
