#!/bin/sh
# From nothing to a payment with openssl and curl alone: no Python, no code of the kit's.
# Verifies every answer after the installation, and prints the payment's amount.
# Usage: openssl_and_curl.sh http://127.0.0.1:PORT/v1
set -eu
url=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem
openssl pkey -in key.pem -pubout -out public.pem

# call METHOD PATH TOKEN BODY: the answer is in "answer" afterwards.
call() {
    printf '%s' "$4" >sent
    signature=$(openssl dgst -sha256 -sign key.pem sent | openssl base64 -A)
    status=$(curl -sS -X "$1" "$url$2" -D headers -o answer -w '%{http_code}' \
        -H 'Content-Type: application/json' -H "X-Bunq-Client-Authentication: $3" \
        -H "X-Bunq-Client-Signature: $signature" --data-binary @sent)
    if [ "$status" != 200 ]; then
        echo "$1 $2: status $status: $(cat answer)" >&2
        exit 1
    fi
    if [ -f bank.pem ]; then
        tr -d '\r' <headers | sed -n 's/^X-Bunq-Server-Signature: //Ip' |
            openssl base64 -d -A >their_signature
        openssl dgst -sha256 -verify bank.pem -signature their_signature answer >verdict
    fi
}

# text NAME and number NAME: the first field of that name in the answer.
text() { grep -o "\"$1\":\"[^\"]*\"" answer | head -n 1 | cut -d '"' -f 4; }
number() { grep -o "\"$1\":[0-9]*" answer | head -n 1 | cut -d : -f 2; }

call POST /sandbox-user-person '' ''
api_key=$(text api_key)

pem=$(awk '{ printf "%s\\n", $0 }' public.pem)
call POST /installation '' "{\"client_public_key\":\"$pem\"}"
token=$(text token)
text server_public_key | sed 's/\\n/\n/g; s/\\\//\//g' >bank.pem

call POST /device-server "$token" "{\"description\":\"shell\",\"secret\":\"$api_key\"}"
call POST /session-server "$token" "{\"secret\":\"$api_key\"}"
token=$(text token)
user=$(grep -o '"UserPerson":{"id":[0-9]*' answer | grep -o '[0-9]*$')

call GET "/user/$user/monetary-account" "$token" ''
account=$(number id)

who='{"type":"EMAIL","value":"sugardaddy@bunq.com","name":"Sugar Daddy"}'
money='{"value":"25.00","currency":"EUR"}'
call POST "/user/$user/monetary-account/$account/request-inquiry" "$token" \
    "{\"amount_inquired\":$money,\"counterparty_alias\":$who,\"description\":\"please\",\"allow_bunqme\":false}"
call POST "/user/$user/monetary-account/$account/payment" "$token" \
    "{\"amount\":$money,\"counterparty_alias\":$who,\"description\":\"and back\"}"
payment=$(number id)

call GET "/user/$user/monetary-account/$account/payment/$payment" "$token" ''
grep -o '"amount":{[^}]*}' answer
