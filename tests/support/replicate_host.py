"""Replicate's documented API on loopback: predictions, their list, and files."""

from __future__ import annotations

import re
from typing import ClassVar

from react1.testing import HostReply, ScriptedHost

MODEL = "sync/react-1"
PER_PAGE = 100
STATES = {"waiting": "processing", "done": "succeeded", "expired": "succeeded", "failed": "failed"}


class ReplicateHost(ScriptedHost):
    auth = ("authorization", "Bearer {key}")
    routes: ClassVar = {
        "submit": ("POST", f"/v1/models/{MODEL}/predictions"),
        "status": ("GET", "/v1/predictions/([^/]+)"),
        "history": ("GET", "/v1/predictions"),
        "upload": ("POST", "/v1/files"),
        "remove": ("DELETE", "/v1/files/([^/]+)"),
    }
    video_parameter = "video"
    failed_state = "failed"

    def upload(self, request):
        head, _, rest = request.body.partition(b"\r\n\r\n")
        name = re.search(rb'filename="([^"]+)"', head)[1].decode()
        boundary = request.headers["content-type"].partition("boundary=")[2]
        self.files[name] = rest.removesuffix(f"\r\n--{boundary}--\r\n".encode())
        urls = {"get": f"{self.url}/v1/files/{name}"}
        return HostReply(201, {"id": name, "urls": urls, "expires_at": "2099-01-01T00:00:00Z"})

    def remove(self, request, name):
        return HostReply(204 if self.files.pop(name, None) is not None else 404)

    def submit(self, request):
        job = self.create_job(request.json()["input"])
        return HostReply(201, {"id": job.request_id, "model": MODEL, "status": "starting", "output": None})

    def status(self, request, request_id):
        state = self.state_of(request_id)
        if state == "unknown":
            return HostReply(404, {"detail": "not found", "status": 404})
        return HostReply(200, self.prediction(self.jobs[request_id], state))

    def history(self, request):
        first = int(request.query.get("cursor") or 0)
        jobs = list(reversed(self.jobs.values()))
        page, following = jobs[first : first + PER_PAGE], first + PER_PAGE
        rows = [self.prediction(job, "waiting") for job in page]
        following_url = f"{self.url}/v1/predictions?cursor={following}" if following < len(jobs) else None
        return HostReply(200, {"previous": None, "next": following_url, "results": rows})

    def prediction(self, job, state):
        removed = state == "expired" or self.hide_inputs
        status = self.failed_state if state == "failed" else STATES[state]
        return {
            "id": job.request_id,
            "model": MODEL,
            "created_at": job.created_at.isoformat().replace("+00:00", "Z"),
            "status": status,
            "data_removed": removed,
            "input": {} if removed else job.sent,
            "output": self.output_url(job.request_id) if state == "done" else None,
            "error": "no face in the video" if state == "failed" else None,
        }
