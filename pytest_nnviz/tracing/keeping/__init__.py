"""Hand back what a trace touches as it was: the model, its tensors, the process, its caches."""
