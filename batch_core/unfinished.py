"""Launches that were cut off: finished where there is a job, taken back where there is none."""

from datetime import UTC, datetime, timedelta

from batch_core import jobs, manifests
from batch_core.account import Account
from batch_core.errors import DashboardError, NotFound, translated
from batch_core.storage import RESULTS

# From its manifest a launch takes four minutes at most to its job, and clocks may differ by 15 (more is refused).
ABANDONED = timedelta(minutes=20)


def finish_half_made(account: Account) -> list[str]:
    """Finishes launches that were cut off, or takes them back where the manifest is gone; ids of both.

    Safe while another launch is at work: a task that exists already is not added again. What fails for one run
    is raised when the others are done.
    """
    account.require_writable()
    with translated("list the runs"):
        fields = [*jobs.SELECT.split(","), "onAllTasksComplete"]
        listed = account.batch.list_jobs(filter="state eq 'active' and startswith(id,'run-')", select=fields)
        active = [job.as_dict() for job in listed]
    half_made = [job["id"] for job in active if jobs.run_from(job).ours and not jobs.settled(job)]
    failed: DashboardError | None = None
    for run_id in half_made:
        try:
            jobs.complete(account, manifests.read(account, run_id))
        except NotFound:
            jobs.stop(account, run_id)
        except DashboardError as error:
            failed = error
    if failed:
        raise failed
    return half_made


def forget_never_made(account: Account) -> list[str]:
    """Takes back launches that were cut off before they had a job: deletes their manifests; the runs' ids.

    A launch that may still be at work, and whatever has more than a manifest, stays.
    """
    account.require_writable()
    stored = manifests.run_ids(account)
    with translated("list the runs"):
        listed = account.batch.list_jobs(filter="startswith(id,'run-')", select=["id"])
        made = {job.id for job in listed}
    never_made = [run_id for run_id in sorted(stored - made) if _is_abandoned(account, run_id)]
    for run_id in never_made:
        manifests.forget(account, run_id)
    return never_made


def _is_abandoned(account: Account, run_id: str) -> bool:
    with translated("look at the manifest"):
        blobs = account.blobs.get_container_client(RESULTS).list_blobs(name_starts_with=f"{run_id}/")
        found = [(blob.name, blob.last_modified) for blob in blobs]
    long_ago = datetime.now(UTC) - ABANDONED
    return len(found) == 1 and found[0][0] == manifests.blob_name(run_id) and found[0][1] < long_ago
