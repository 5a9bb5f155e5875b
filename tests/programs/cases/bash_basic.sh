# Shell language: expansion, arithmetic, functions, arrays, loops, here documents, substitution.
# tier: core
# packages: bash coreutils grep sed
cd /work
set -u
shopt -s extglob nullglob
declare -A map=([one]=1 [two]=2 [three]=3)
for key in $(printf '%s\n' "${!map[@]}" | sort); do printf '%s=%s ' "$key" "${map[$key]}"; done; echo
list=(); for ((i = 0; i < 2000; i++)); do list+=($((i * i % 97))); done
echo "${#list[@]} ${list[1999]} ${list[@]:10:5} $(( $(IFS=+; echo "${list[*]}") ))"
fib() { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 9
text="The quick brown fox"
echo "${text^^} ${text,,} ${text//o/0} ${text#* } ${text%% *} ${#text} ${text:4:5}"
[[ $text =~ ([a-z]+)\ brown ]] && echo "matched ${BASH_REMATCH[1]}"
cat <<END | sed 's/^/> /'
here $((6 * 7)) document
$(for w in a b c; do echo "word $w"; done)
END
echo $((0xff ^ 0x0f)) $((1 << 62)) $((-7 / 2)) $((-7 % 3)) $((2 ** 40)) $((9223372036854775807 + 1))
case "abc.tar.gz" in *.zip) echo zip ;; *.tar.@(gz|xz)) echo tarball ;; esac
printf '%05d|%-8s|%x|%.3f|%q\n' 42 left 255 3.14159 "a b'c"
while IFS=: read -r a b c; do echo "$c-$b-$a"; done <<<$'1:2:3\n4:5:6'
declare -i n=5; n+=7; echo $n
select_sum=0; until ((select_sum > 50)); do ((select_sum += 13)); done; echo $select_sum
echo {1..5}{a,b} {10..0..3}
local_test() { local x=inner; echo $x; }; x=outer; local_test; echo $x
(exit 3); echo "status $?"; ! false; echo "status $?"
set -- alpha beta gamma; shift; echo "$# $*"
mapfile -t lines < <(seq 5); echo "${lines[@]/#/n}"
printf -v stamp '%(%Y-%m-%d)T' 86400; echo "$stamp"
for i in {1..3000}; do :; done; echo done
