"""Jobs: many calls, by any executor, into one store, which is resumed where it was left."""

from .fingerprint import digest
from .isolation import isolated, seed_of
from .job import Job, grid
from .run import FailedJobsWarning, InterruptedStudyError, Report, run_many
from .work import JobError

__all__ = [
    "FailedJobsWarning",
    "InterruptedStudyError",
    "Job",
    "JobError",
    "Report",
    "digest",
    "grid",
    "isolated",
    "run_many",
    "seed_of",
]
