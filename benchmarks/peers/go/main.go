// The trivial function on AWS's Go client, github.com/aws/aws-lambda-go.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

// Answer is what the function returns: {"ok":true}.
type Answer struct {
	OK bool `json:"ok"`
}

func handler(ctx context.Context, event json.RawMessage) (Answer, error) {
	return Answer{OK: true}, nil
}

func main() {
	lambda.Start(handler)
}
