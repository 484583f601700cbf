"""Knowledge sources: the runner, the worker process, and the built-in ones."""
