#!/usr/bin/env bash
# An existing client ("v1"), written from the description of the wire formats alone: bash, curl, openssl, od and sed.
#
#   rest-client.sh FILE
#
# creates a federation at one server, invites, joins it at another server, looks at the account and at the jobs. FILE
# sets what it needs (see the list below). Prints one line a step: its name, the HTTP status, statusCode and
# statusString, and what was decrypted where there is something. For trying and for tests: it gives openssl the keys on
# its command line, where others on this machine could see them.
set -euo pipefail
. "$1"
: "${HUB_URL:?}" "${HUB_CID:?}" "${HUB_KEY:?}" "${HUB_PID:?}" "${HUB_ACCESS_KEY:?}" "${HUB_SECRET_KEY:?}" "${HUB_BUCKET:?}"
: "${NODE_URL:?}" "${NODE_CID:?}" "${NODE_KEY:?}" "${NODE_PID:?}" "${NODE_ACCESS_KEY:?}" "${NODE_SECRET_KEY:?}"
: "${NODE_ACCOUNT:?}" "${NODE_BUCKET:?}" "${FEDERATION:?}" "${REGION:?}" "${PASSWORD:?}"

IV=$(printf %s 'LzM5QUtXZXWHm7HJ4wAePg==' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT

hex() { od -An -v -tx1 | tr -d ' \n'; }
key_of() { printf %s "$1" | openssl base64 -d -A | hex; }

# A map as JSON: name value name value …
map() {
  local comma='' json='{'
  while (($#)); do
    json+="$comma\"$1\":\"$2\"" comma=,
    shift 2
  done
  printf '%s}' "$json"
}

# The user's cipher: AES-128-CBC with the fixed IV, base64.
encrypt() { openssl enc -aes-128-cbc -K "$(key_of "$1")" -iv "$IV" | openssl base64 -A; }
decrypt() { openssl base64 -d -A | openssl enc -d -aes-128-cbc -K "$(key_of "$1")" -iv "$IV"; }
# The invite's: AES-128-ECB, the password padded with the character 0.
open_invite() {
  local padded
  padded=$(printf '%s0000000000000000' "$PASSWORD" | head -c 16)
  openssl base64 -d -A | openssl enc -d -aes-128-ecb -K "$(printf %s "$padded" | hex)"
}

# call WHO VERB PATH[?QUERY] [MAP]: signs and sends; leaves $STATUS, $ANSWER and $LOCATION.
call() {
  local url_name="$1_URL" cid_name="$1_CID" key_name="$1_KEY" verb=$2 target=$3
  local url=${!url_name} cid=${!cid_name} key=${!key_name} body='' md5 when sign path query
  (($# < 4)) || body=$(printf %s "$4" | encrypt "$key")
  path="/symetry/rest/$cid${target%%\?*}"
  query=${target#"${target%%\?*}"} query=${query#\?}
  md5=$(printf %s "$body" | openssl dgst -md5 -binary | openssl base64 -A)
  when=$(date -u '+%Y-%m-%d %H:%M:%S;%N')
  sign=$(
    {
      printf '%s\n' "$verb" "$md5" "$key" "$when" "$cid"
      [ -z "$body" ] || printf '%s\n' "$body"
      printf '%s\n' "$path"
      [ -z "$query" ] || printf '%s\n' "$query"
    } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(key_of "$key")" -binary | openssl base64 -A
  )
  local data=()
  [ -z "$body" ] || data=(--data-binary "$body")
  STATUS=$(curl --silent --show-error --noproxy '*' --max-time 300 -X "$verb" -D "$FOLDER/headers" -o "$FOLDER/answer" \
    -w '%{http_code}' -H "Content-MD5: $md5" -H "sym-date: $when" -H "Authorization: $sign" \
    -H 'Content-Type: text/plain' "${data[@]}" "$url$path${query:+?$query}")
  # Gson writes = as \u003d, and a few others.
  ANSWER=$(sed -e 's/\\u003d/=/g; s/\\u0026/\&/g; s/\\u0027/'"'"'/g; s/\\u003c/</g; s/\\u003e/>/g' "$FOLDER/answer")
  LOCATION=$(sed -n 's/^[Ll]ocation: *\(.*[^[:space:]]\)[[:space:]]*$/\1/p' "$FOLDER/headers")
}

# A text of a flat JSON map: value JSON NAME
value() { printf %s "$1" | sed -n 's/.*"'"$2"'" *: *"\([^"]*\)".*/\1/p'; }
tell() { printf '%s %s %s %s\n' "$1" "$STATUS" "$(value "$ANSWER" statusCode)" "$(value "$ANSWER" statusString)"; }

# wait_for WHO: asks for the job at $LOCATION until it has ended.
wait_for() {
  local cid_name="$1_CID"
  local target=${LOCATION##*"/symetry/rest/${!cid_name}"}
  for _ in $(seq 600); do
    call "$1" GET "$target"
    [ "$STATUS" = 202 ] || return 0
    sleep 0.2
  done
}

call HUB POST "/fedml/create?pid=$HUB_PID&persist=false" "$(map fed_name "$FEDERATION" fed_local_type cpu \
  aws_access_key "$HUB_ACCESS_KEY" aws_secret_key "$HUB_SECRET_KEY" aws_region "$REGION" s3_bucket "$HUB_BUCKET" \
  sync_sched m30 fed_encrypt false)"
tell create

call HUB POST "/fedml/create?pid=$HUB_PID&persist=false" "$(map fed_name "$FEDERATION" fed_local_type cpu \
  aws_access_key "$HUB_ACCESS_KEY" aws_secret_key "$HUB_SECRET_KEY" aws_region "$REGION" s3_bucket "$HUB_BUCKET" \
  sync_sched m30 fed_encrypt false)"
tell create-again

call HUB POST "/fedml/$HUB_PID/getEncrypted" "$(map passwd "$PASSWORD" fed_rest_host "$HUB_URL")"
tell getEncrypted
INVITE=$(value "$ANSWER" fedInfoEncrypted | open_invite)
printf 'invite %s %s\n' "$(value "$INVITE" fed_name)" "$(value "$INVITE" aws_topic_arn)"

# The invite's keys, unchanged, and the joiner's own behind them.
call NODE POST "/fedml/createJoin?pid=$NODE_PID&persist=false" "${INVITE%\}},$(map fed_local_type cpu \
  aws_access_key "$NODE_ACCESS_KEY" aws_secret_key "$NODE_SECRET_KEY" aws_region "$REGION" aws_id "$NODE_ACCOUNT" \
  s3_bucket "$NODE_BUCKET" | sed 's/^{//')"
tell createJoin

call NODE POST "/fedml/$NODE_PID/awsinfo" "$(map aws_access_key "$NODE_ACCESS_KEY" aws_secret_key "$NODE_SECRET_KEY" \
  aws_region "$REGION")"
tell awsinfo
wait_for NODE
tell awsinfo-job
printf 'awsinfo-values %s\n' "$(value "$ANSWER" awsInfoEncrypted | decrypt "$NODE_KEY")"

call HUB GET "/fedml/$HUB_PID/info"
tell info
printf 'info-values %s\n' "$(value "$ANSWER" federationInfo | decrypt "$HUB_KEY")"

call NODE GET /jobs
tell jobs
printf 'jobs-kinds %s\n' "$(printf %s "$ANSWER" | grep -o '"kind":"[A-Za-z]*"' | cut -d'"' -f4 | sort | tr '\n' ' ')"

call NODE GET "/jobs/00000000000000000000000000000000"
tell no-such-job
