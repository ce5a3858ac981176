"""The sides of a ``Scheduler``: each module names the use cases of one, and says what they promise."""
