"""An S3 server on loopback, as its clients find it."""

from __future__ import annotations

from datetime import timedelta

from obstore.store import S3Store

from tests.support.waiting import WITHIN


class S3Server:
    """A server at `port`."""

    KEY, SECRET = "testkey", "testsecret"
    port: int

    def environment(self) -> dict[str, str]:
        """The variables by which a server finds it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": self.KEY,
            "AWS_SECRET_ACCESS_KEY": self.SECRET,
        }

    def store(self, bucket: str) -> S3Store:
        """A bucket, whether it exists or not."""
        return S3Store(
            bucket,
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key_id=self.KEY,
            secret_access_key=self.SECRET,
            region="us-east-1",
            client_options={"allow_http": True, "timeout": timedelta(seconds=WITHIN / 3)},
            retry_config={"max_retries": 0},
        )
