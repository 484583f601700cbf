"""Property tests have no deadline per example: on a busy machine it measures the neighbours."""

from hypothesis import settings

settings.register_profile("wire", deadline=None)
settings.load_profile("wire")
