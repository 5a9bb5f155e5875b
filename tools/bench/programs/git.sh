# A repository of some hundred files: add, commit, change, diff, log, clone, pack.
cd /tmp; export GIT_AUTHOR_DATE="2024-01-01T00:00:00Z" GIT_COMMITTER_DATE="2024-01-01T00:00:00Z" GIT_CONFIG_GLOBAL=/dev/null
git init -q -b main repository && cd repository && git config user.name a && git config user.email a@b
for ((i = 0; i < 300; i++)); do for ((k = 0; k < 30; k++)); do echo "line $k of file $i $((i * k % 17))"; done >file$i; done
git add . && git commit -q -m first && for ((i = 0; i < 300; i += 3)); do echo changed >>file$i; done
git diff --stat | tail -1 && git commit -qam second && git log --oneline | wc -l && git gc -q && git clone -q . ../copy && git -C ../copy rev-parse HEAD
