package examples

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// The secrets that hooks/relay.yaml takes from the environment.
const (
	githubSecret = "a secret of the webhook at GitHub"
	stripeSecret = "whsec_a_signing_secret_of_an_endpoint"
	s3Key        = "the key of the connection of an API destination"
)

// hookExample is a workflow that waits for an event of a hook.
type hookExample struct {
	file, state string
	sender      string
	input       map[string]string
	// event returns what the sender posts about the input; good or bad news.
	event func(w *world, good bool) (body string, header http.Header)
	// What the task gets: an output, or an error name and a cause. Without an error name,
	// there is no bad news.
	output, error, cause string
}

var hookExamples = map[string]hookExample{
	"github": {
		file: "workflows/github-job.asl.json", state: "Wait for the job", sender: "github",
		input: map[string]string{"repository": "acme/shop", "commit": "6dcb09b5", "job": "deploy", "attempt": "1"},
		event: githubJob, output: `{"run":42,"page":"https://github.com/acme/shop/actions/runs/42/job/1"}`,
		error: "Job.Failed", cause: "cancelled",
	},
	"stripe": {
		file: "workflows/stripe-payment.asl.json", state: "Wait for the payment", sender: "stripe",
		input: map[string]string{"payment": "pi_3N"},
		event: stripePayment, output: `{"payment":"pi_3N","amount":2000}`,
		error: "Payment.Failed", cause: "Your card was declined.",
	},
	"textract": {
		file: "workflows/textract-job.asl.json", state: "Wait for the job", sender: "textract",
		input: map[string]string{"job": "8c0f2b1a"},
		event: textractJob, output: `{"report":"{\"JobId\":\"8c0f2b1a\",\"Status\":\"SUCCEEDED\",\"API\":\"StartDocumentTextDetection\"}"}`,
		error: "Document.Unreadable", cause: `{"JobId":"8c0f2b1a","Status":"FAILED","API":"StartDocumentTextDetection"}`,
	},
	"s3": {
		file: "workflows/s3-object.asl.json", state: "Wait for the object", sender: "s3",
		input: map[string]string{"bucket": "documents", "object": "incoming/a b.pdf"},
		event: s3Object, output: `{"bucket":{"name":"documents"},"object":{"key":"incoming/a b.pdf","size":5},"reason":"PutObject"}`,
	},
}

// Each workflow with a hook goes on, whether the event comes before its registration or
// after it, and whether its news are good or bad. The cases of a workflow have the same key:
// tasks that are over do not take the events of later ones.
func TestHookExamples(t *testing.T) {
	w := newWorld(t)
	urls := w.hookURLs()
	for name, example := range hookExamples {
		for _, early := range []bool{true, false} {
			for _, good := range []bool{true, false} {
				if !good && example.error == "" {
					continue
				}
				t.Run(fmt.Sprintf("%s early=%t good=%t", name, early, good), func(t *testing.T) {
					w.in(t).hook(example, urls[example.sender], early, good)
				})
			}
		}
	}
}

// hookURLs returns the URLs of the hooks by their sender's names.
func (w *world) hookURLs() map[string]string {
	w.Helper()
	var list api.SenderList
	w.must(json.Unmarshal([]byte(w.ask(http.MethodGet, w.private+"/v1/senders", "", http.Header{"Authorization": {"Bearer " + apiKey}})), &list))
	urls := map[string]string{}
	for _, sender := range list.Senders {
		if sender.Hook != nil {
			urls[sender.Name] = strings.Replace(sender.Hook.URL, publicURL, w.public, 1)
		}
	}
	return urls
}

// hook registers the task of a workflow as API Gateway does, and posts the event.
func (w *world) hook(example hookExample, url string, early, good bool) {
	taskToken := w.steps.NewTask(standin.TaskOptions{})
	var wait struct {
		Path        string
		Headers     map[string][]string
		RequestBody map[string]json.RawMessage
	}
	state, found := workflows(w.T)[example.file].States[example.state]
	if !found {
		w.Fatalf("%s has no state %q", example.file, example.state)
	}
	w.must(json.Unmarshal(w.evaluate(state.arguments(), taskToken, example.input), &wait))
	body, header := example.event(w, good)
	post := func() { w.ask(http.MethodPost, url, body, header) }
	register := func() { w.gatewayPost("/"+wait.Path, wait.Headers, wait.RequestBody) }
	if early {
		post()
		register()
	} else {
		register()
		post()
	}
	w.wantEffect(taskToken, example, good)
}

// wantEffect waits for the effect on a task, and checks it.
func (w *world) wantEffect(taskToken string, example hookExample, good bool) {
	w.Helper()
	for deadline := time.After(patience); ; {
		for _, effect := range w.steps.Effects() {
			if effect.TaskToken != taskToken {
				continue
			}
			if good && (effect.Action != standin.SendTaskSuccess || string(effect.Output) != example.output) {
				w.Errorf("the task got %+v, want the output %s", effect, example.output)
			}
			if !good && (effect.Action != standin.SendTaskFailure || effect.Error != example.error || effect.Cause != example.cause) {
				w.Errorf("the task got %+v, want %s: %s", effect, example.error, example.cause)
			}
			return
		}
		select {
		case <-deadline:
			w.Fatal("the task got nothing")
		case <-time.After(pollEvery):
		}
	}
}

func sha256MAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// githubJob is signed as GitHub documents it.
func githubJob(_ *world, good bool) (string, http.Header) {
	conclusion := "success"
	if !good {
		conclusion = "cancelled"
	}
	body := `{"action":"completed","workflow_job":{"id":1,"run_id":42,"head_sha":"6dcb09b5","name":"deploy","run_attempt":1,"conclusion":"` + conclusion +
		`","html_url":"https://github.com/acme/shop/actions/runs/42/job/1"},"repository":{"full_name":"acme/shop"}}`
	return body, http.Header{
		"Content-Type": {"application/json"}, "X-Github-Event": {"workflow_job"}, "X-Github-Delivery": {rand.Text()},
		"X-Hub-Signature-256": {"sha256=" + sha256MAC(githubSecret, body)},
	}
}

// stripePayment is signed as Stripe documents it.
func stripePayment(_ *world, good bool) (string, http.Header) {
	kind, object := "succeeded", `"amount_received":2000`
	if !good {
		kind, object = "payment_failed", `"last_payment_error":{"message":"Your card was declined."}`
	}
	body := `{"id":"evt_` + rand.Text() + `","type":"payment_intent.` + kind + `","data":{"object":{"id":"pi_3N",` + object + `}}}`
	at := fmt.Sprint(time.Now().Unix())
	return body, http.Header{
		"Content-Type": {"application/json"}, "Stripe-Signature": {"t=" + at + ",v1=" + sha256MAC(stripeSecret, at+"."+body)},
	}
}

// textractJob is a notification of SNS, signed as SNS documents it.
func textractJob(w *world, good bool) (string, http.Header) {
	status := "SUCCEEDED"
	if !good {
		status = "FAILED"
	}
	n := map[string]string{
		"Type": "Notification", "MessageId": rand.Text(), "TopicArn": "arn:aws:sns:eu-central-1:111122223333:textract",
		"Message":   `{"JobId":"8c0f2b1a","Status":"` + status + `","API":"StartDocumentTextDetection"}`,
		"Timestamp": time.Now().UTC().Format(time.RFC3339), "SignatureVersion": "2",
	}
	signed := ""
	for _, name := range []string{"Message", "MessageId", "Timestamp", "TopicArn", "Type"} {
		signed += name + "\n" + n[name] + "\n"
	}
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, w.sns.key, crypto.SHA256, digest[:])
	w.must(err)
	n["Signature"] = base64.StdEncoding.EncodeToString(signature)
	n["SigningCertURL"] = "https://" + snsHost + "/SimpleNotificationService-1.pem"
	body, err := json.Marshal(n)
	w.must(err)
	return string(body), http.Header{
		"Content-Type": {"text/plain; charset=UTF-8"}, "X-Amz-Sns-Message-Type": {"Notification"},
	}
}

// s3Object is an event of S3, as an API destination posts it.
func s3Object(*world, bool) (string, http.Header) {
	body := `{"version":"0","id":"` + rand.Text() + `","detail-type":"Object Created","source":"aws.s3",` +
		`"detail":{"bucket":{"name":"documents"},"object":{"key":"incoming/a b.pdf","size":5},"reason":"PutObject"}}`
	return body, http.Header{"Content-Type": {"application/json"}, "X-Api-Key": {s3Key}}
}
