"""Learning from labelled recordings: data sets, evaluation on whole runs, and the models that come of it."""
