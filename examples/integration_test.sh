#!/bin/sh
# An integration test without a sleep: it starts the local mParticle, lets a program send, waits
# for the event and looks at it. Needs curl. MPFLUENT says how to call the command.
set -eu
folder=$(mktemp -d)
mkfifo "$folder/printed"
${MPFLUENT:-mpfluent} serve --port 0 --quiet >"$folder/printed" &
server=$!
trap 'kill $server; rm -r "$folder"' EXIT
read -r url <"$folder/printed" # it prints its address as soon as it listens

# The program under test; here it is curl.
curl -sf -u key:secret "$url/v2/events" -d '{
  "environment": "development",
  "user_identities": {"customer_id": "123456"},
  "events": [{"event_type": "custom_event", "data": {
    "event_name": "Searched", "custom_event_type": "search",
    "custom_attributes": {"query": "teapot"}}}]}' &

# No sleep: this answers as soon as the event has come, and fails after five seconds.
found=$(curl -sf "$url/_mpfluent/wait?event=Searched&user=123456&timeout=5")
case $found in
  *'"query":"teapot"'*) echo 'Searched came, with its query' ;;
  *) echo "another query: $found" && exit 1 ;;
esac

# What happens when mParticle says 503?
curl -sf -o "$folder/waiting" "$url/_mpfluent/faults" -d '{
  "actions": [{"action": "status", "status_code": 503}]}'
curl -s -o /dev/null -w 'the program got %{http_code}\n' -u key:secret "$url/v2/events" -d '{}'
