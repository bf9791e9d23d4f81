"""fal's documented API on loopback: the queue, the list of requests, and its storage."""

from __future__ import annotations

from typing import ClassVar

from react1.testing import HostReply, ScriptedHost

ENDPOINT = "fal-ai/sync-lipsync/react-1"
APP = "/fal-ai/sync-lipsync"
STATES = {"done": "COMPLETED", "failed": "COMPLETED", "expired": "COMPLETED"}


class FalHost(ScriptedHost):
    auth = ("authorization", "Key {key}")
    routes: ClassVar = {
        "submit": ("POST", f"/{ENDPOINT}"),
        "status": ("GET", f"{APP}/requests/([^/]+)/status"),
        "result": ("GET", f"{APP}/requests/([^/]+)"),
        "history": ("GET", "/v1/models/requests/by-endpoint"),
        "initiate": ("POST", "/storage/upload/initiate"),
    }
    error_type = ""
    """Of failed jobs; "" for input that the model rejects."""

    def initiate(self, request):
        body = request.json()
        url = self.file_url(body["file_name"])
        return HostReply(200, {"upload_url": f"{url}?signature=s", "file_url": url})

    def submit(self, request):
        job = self.create_job(request.json())
        base = f"{self.url}{APP}/requests/{job.request_id}"
        urls = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
        return HostReply(200, {"request_id": job.request_id, "status": "IN_QUEUE", **urls})

    def status(self, request, request_id):
        state = self.state_of(request_id)
        if state in ("unknown", "expired"):
            return HostReply(404, {"detail": "Request not found"})
        if state == "waiting":
            return HostReply(202, {"status": "IN_PROGRESS", "request_id": request_id, "logs": None})
        body = {"status": "COMPLETED", "request_id": request_id, "metrics": {"inference_time": 1.5}}
        if state == "failed" and self.error_type:
            body |= {"error": "Runner disconnected", "error_type": self.error_type}
        return HostReply(200, body)

    def result(self, request, request_id):
        if request_id not in self.jobs or self.outcome == "expired":
            return HostReply(404, {"detail": "Request not found"})
        if self.outcome == "failed":
            return HostReply(422, {"detail": [{"msg": "No face in the video", "type": "value_error"}]})
        return HostReply(200, {"video": {"url": self.output_url(request_id), "content_type": "video/mp4"}})

    def history(self, request):
        query = request.query
        if query.get("endpoint_id") != ENDPOINT or query.get("expand") != "payloads":
            return HostReply(422, {"error": "endpoint_id and expand"})
        jobs = [job for job in self.jobs.values() if query.get("request_id") in (None, job.request_id)]
        first, size = int(query.get("cursor") or 0), int(query.get("limit") or 50)
        page = list(reversed(jobs))[first : first + size]
        more = first + size < len(jobs)
        cursor = str(first + size) if more else None
        return HostReply(200, {"items": [self.row(job) for job in page], "has_more": more, "next_cursor": cursor})

    def row(self, job):
        ended = job.polls > self.polls_until_done
        row = {"request_id": job.request_id, "endpoint_id": ENDPOINT, "sent_at": job.created_at.isoformat()}
        if not self.hide_inputs:
            row["json_input"] = job.sent
        if ended:
            status = {"done": 200, "expired": 200, "failed": 500 if self.error_type else 422}[self.outcome]
            output = {"video": {"url": self.output_url(job.request_id)}} if self.outcome == "done" else None
            row |= {"status_code": status, "ended_at": job.created_at.isoformat(), "json_output": output}
        return row
