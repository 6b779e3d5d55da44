# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of marque(1) for bash.

_marque_labels()
{
	local IFS=$'\n' line
	while read -r line; do
		printf '%q\n' "$line"
	done < <(marque label list --json 2>/dev/null |
		sed -n 's/^.*"name":"\([^"\\]*\)".*"applicable":true.*$/\1/p')
}

_marque()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local global='--state --config --json --passphrase-fd --verbose --help --version' verb='' i opts=''
	COMPREPLY=()
	[[ $cur == = ]] && cur=''
	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	case $prev in
	--seal)
		mapfile -t COMPREPLY < <(compgen -W 'machine passphrase' -- "$cur")
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W 'json csv w3c' -- "$cur")
		return
		;;
	--result)
		mapfile -t COMPREPLY < <(compgen -W 'granted denied' -- "$cur")
		return
		;;
	--event)
		mapfile -t COMPREPLY < <(compgen -W 'start stop open create truncate delete rename label protect unprotect rewrap damage rollback revoke unrevoke licence publish admin rights gap checkpoint' -- "$cur")
		return
		;;
	--state | --config | --files0-from | --log | --output | --key | --input | -O | -i)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-* | =) ;;
		*)
			case ${COMP_WORDS[i - 1]} in
			--state | --config | --passphrase-fd | =) continue ;;
			esac
			verb="${verb:+$verb }${COMP_WORDS[i]}"
			[[ $verb =~ ^(label|key|audit|cache)$ ]] || break
			;;
		esac
	done
	case $verb in
	'') opts='init mount umount status label protect unprotect view why authority key rewrap revoke unrevoke track audit cache fsck doctor version help' ;;
	label) opts='list set rm' ;;
	key) opts='list rotate' ;;
	audit) opts='tail search verify export' ;;
	cache) opts='list clear' ;;
	init) opts='--org --seal' ;;
	mount) opts='--options --foreground' ;;
	umount) opts='--drain --lazy' ;;
	status) opts='--csv --rights --recursive --files0-from' ;;
	'label list') opts='' ;;
	'label set') opts='--recursive --what-if --justification --new-key --preserve --no-preserve --files0-from' ;;
	'label rm') opts='--recursive --what-if --justification --preserve --no-preserve --files0-from' ;;
	protect) opts='--recursive --what-if --justification --new-key --preserve --no-preserve --files0-from --user --expires --owner' ;;
	unprotect) opts='--recursive --what-if --justification --preserve --no-preserve --files0-from' ;;
	view) opts='' ;;
	why) opts='' ;;
	authority) opts='--user --output --input --for user group template label policy key cert superuser revocation export import' ;;
	'key list') opts='' ;;
	'key rotate') opts='' ;;
	rewrap) opts='--recursive --what-if --preserve --no-preserve --files0-from' ;;
	revoke) opts='--file-only' ;;
	unrevoke) opts='--file-only' ;;
	track) opts='--from --to --log' ;;
	'audit tail') opts='--log --follow --lines' ;;
	'audit search') opts='--from --to --principal --path --file-id --content-id --event --result --super-user --log' ;;
	'audit verify') opts='--log --key' ;;
	'audit export') opts='--from --to --principal --path --file-id --content-id --event --result --super-user --log --format --output' ;;
	'cache list') opts='' ;;
	'cache clear') opts='' ;;
	fsck) opts='--files0-from --repair --accept' ;;
	doctor) opts='' ;;
	version) opts='' ;;
	help) opts='init mount umount status label protect unprotect view why authority key rewrap revoke unrevoke track audit cache fsck doctor version help' ;;
	esac
	if [[ $cur == -* || -z $verb || $verb =~ ^(label|key|audit|cache)$ ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$opts $global" -- "$cur")
		return
	fi
	if [[ $verb == 'label set' && ${COMP_WORDS[COMP_CWORD - 1]} == set ]]; then
		local IFS=$'\n'
		mapfile -t COMPREPLY < <(compgen -W "$(_marque_labels)" -- "$cur")
		return
	fi
	if [[ $verb =~ ^(authority|help)$ ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$opts" -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -o filenames -F _marque marque
