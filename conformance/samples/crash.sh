#!/bin/sh
# A wallet that dies of every request. The suite calls that CRASH, never a refusal:
#     eiraku certify "cmd:/bin/sh conformance/samples/crash.sh"
read -r request
echo "about to die of ${#request} characters" >&2
exit 70
