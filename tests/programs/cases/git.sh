# git: a repository with history, branches, merge, conflict, clone, fetch, gc, fsck, bisect, archive, blame.
# tier: core
# packages: git
# timeout: 300
cd /work
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global init.defaultBranch main; git config --global advice.detachedHead false
git init -q origin; cd origin
for i in $(seq 1 40); do seq $i $((i + 100)) >file$((i % 7)); echo "line $i" >>log; git add .; git commit -q -m "commit $i"; done
git log --oneline | head -3; git rev-parse HEAD
git checkout -q -b side HEAD~10; echo side >>side.txt; git add .; git commit -q -m side; git checkout -q main; git merge -q -m merged side; git log --graph --oneline | head -4
git checkout -q -b conflict HEAD~3; echo other >>log; git commit -qam other; git checkout -q main; git merge conflict 2>&1 | tail -1; git merge --abort
cd ..; git clone -q --no-local origin copy; cd copy; git rev-parse HEAD; git status -s; git fsck 2>/dev/null; echo "fsck $?"
git gc -q; git count-objects -v | grep -E 'in-pack|packs'; git diff HEAD~5 --stat | tail -1; git diff HEAD~5 | md5sum
git blame -s log | tail -2; git archive HEAD | tar t | sort | head -3; git grep -c 'line 1' | head; git stash list; echo x >>log; git stash -q; git stash pop -q; git diff --shortstat
git bisect start -q HEAD HEAD~20 >/dev/null; git bisect run sh -c '[ $(wc -l <log) -lt 35 ]' 2>/dev/null | grep 'first bad'; git bisect reset -q 2>/dev/null
git clone -q "file://${PWD%/*}/origin" shallow --depth 3; git -C shallow log --oneline | wc -l
(cd ../origin && echo new >new && git add new && git commit -q -m new); git pull -q --rebase=false 2>/dev/null || git -c user.name=a pull -q; git fetch -q; git log origin/main -1 --format=%s
