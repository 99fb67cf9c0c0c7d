"""Asks a person for a decision: registers the task token with the callback
relay, and mails the link. The state that invokes it waits (.waitForTaskToken)."""

import json
import os
import urllib.request

import boto3

mailer = boto3.client("sesv2")


def handler(event, context):
    mail(event, register(event)["links"]["approver"]["url"])


def register(event):
    # If AWS invokes the function twice with one task token, the relay answers
    # with the same callback and the same link.
    request = urllib.request.Request(
        os.environ["RELAY_API_URL"] + "/v1/callbacks",
        headers={
            "Authorization": "Bearer " + os.environ["RELAY_API_KEY"],
            "Content-Type": "application/json",
        },
        data=json.dumps({
            "taskToken": event["taskToken"],
            "expiresIn": event["expiresIn"],
            "links": {"approver": {"type": "approval", "approver": event["approver"]}},
            "approval": {"title": event["title"], "onReject": "failure"},
        }).encode(),
    )
    # An answer above 299 raises an error, and with it the state fails at once
    # instead of waiting for a link that nobody has.
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def mail(event, link):
    # The link is a secret: it is not logged, and goes to one person.
    mailer.send_email(
        FromEmailAddress=os.environ["MAIL_FROM"],
        Destination={"ToAddresses": [event["email"]]},
        Content={"Simple": {
            "Subject": {"Data": event["title"]},
            "Body": {"Text": {"Data": f"{event['title']}\n\nDecide here: {link}\n"}},
        }},
    )
