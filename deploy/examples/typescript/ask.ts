// Asks a person for a decision: registers the task token with the callback
// relay, and mails the link. The state that invokes it waits (.waitForTaskToken).

import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";

interface Question {
  taskToken: string;
  expiresIn: string;
  title: string;
  approver: string;
  email: string;
}

interface Callback {
  links: { approver: { url: string } };
}

const mailer = new SESv2Client();

export async function handler(event: Question): Promise<void> {
  const callback = await register(event);
  await mail(event, callback.links.approver.url);
}

async function register(event: Question): Promise<Callback> {
  // If AWS invokes the function twice with one task token, the relay answers
  // with the same callback and the same link.
  const response = await fetch(setting("RELAY_API_URL") + "/v1/callbacks", {
    method: "POST",
    headers: {
      "Authorization": `Bearer ${setting("RELAY_API_KEY")}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      taskToken: event.taskToken,
      expiresIn: event.expiresIn,
      links: { approver: { type: "approval", approver: event.approver } },
      approval: { title: event.title, onReject: "failure" },
    }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) {
    // The state fails at once instead of waiting for a link that nobody has.
    throw new Error(`the relay answered ${response.status}: ${await response.text()}`);
  }
  return await response.json() as Callback;
}

async function mail(event: Question, link: string): Promise<void> {
  // The link is a secret: it is not logged, and goes to one person.
  await mailer.send(new SendEmailCommand({
    FromEmailAddress: setting("MAIL_FROM"),
    Destination: { ToAddresses: [event.email] },
    Content: {
      Simple: {
        Subject: { Data: event.title },
        Body: { Text: { Data: `${event.title}\n\nDecide here: ${link}\n` } },
      },
    },
  }));
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
