"""Settings that every test shares."""

from hypothesis import settings

# derandomize: the same examples on every run, so a failure is never a matter of luck
settings.register_profile("minae", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("minae")
