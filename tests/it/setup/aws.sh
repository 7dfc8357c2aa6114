# shellcheck shell=bash disable=SC2154 # $calls and $state are set by the test
# Stands in for aws where it is about the questions: notes each call in $calls, and remembers below $state what was made.
printf '%s\n' "$*" >>"$calls"
absent() {
	echo 'An error occurred (NoSuchEntity) when calling the operation: not found' >&2
	exit 254
}
call=$*
case $call in
*' sts get-caller-identity '*) printf '123456789012\tarn:aws-cn:iam::123456789012:user/me\n' ;;
*' iam get-open-id-connect-provider '*) cat "$state/audiences" 2>/dev/null || absent ;;
*' iam create-open-id-connect-provider '* | *' iam add-client-id-to-open-id-connect-provider '*) echo "${call##* }" >>"$state/audiences" ;;
*' iam get-role '*' Role.Arn '*) if [[ -e $state/role ]]; then echo arn:aws-cn:iam::123456789012:role/team/asked; else absent; fi ;;
*' iam get-role '*) printf 'system:serviceaccount:shop:mail\tsystem:serviceaccount:shop:web\n' ;;
*' iam create-role '*) echo >"$state/role" ;;
*)
	echo "aws: error: argument operation: Invalid choice: '$call'" >&2
	exit 252
	;;
esac
