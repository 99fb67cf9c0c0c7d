"""Stands in for boto3: sends what Amazon SES would be sent to where the test
listens, in the form of its HTTP API."""

import json
import os
import urllib.request


class client:
    def __init__(self, service):
        assert service == "sesv2"

    def send_email(self, **request):
        urllib.request.urlopen(urllib.request.Request(
            os.environ["AWS_ENDPOINT_URL_SESV2"] + "/v2/email/outbound-emails",
            data=json.dumps(request).encode())).close()
