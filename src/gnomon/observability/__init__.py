"""What happens, told to whoever looks on."""
