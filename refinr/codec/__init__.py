"""A small network gives the probability of every sample, an entropy coder does the rest: the loss is the file size."""
