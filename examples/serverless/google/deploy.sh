#!/bin/sh
# A Cloud Run service, and a Cloud Scheduler job that sends it a POST every minute. The service lets everybody in; the endpoint does not.
set -eu
: "${PROJECT:?}" "${REGION:?}" "${MAINSPRING_PULSE_SECRET:?}"

gcloud run deploy shop --project "$PROJECT" --region "$REGION" --source . --allow-unauthenticated --timeout 60 --concurrency 4 \
  --set-env-vars TASK_RUNNER_ENVIRONMENT=serverless \
  --set-secrets MAINSPRING_URL=mainspring-url:latest,MAINSPRING_PULSE_SECRET=mainspring-pulse-secret:latest

url=$(gcloud run services describe shop --project "$PROJECT" --region "$REGION" --format 'value(status.url)')

gcloud scheduler jobs create http pulse --project "$PROJECT" --location "$REGION" --schedule "* * * * *" \
  --uri "$url/api/pulse" --http-method POST --headers "Authorization=Bearer $MAINSPRING_PULSE_SECRET" \
  --attempt-deadline 60s --max-retry-attempts 0
