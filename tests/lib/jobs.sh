#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What tests/lib/both.sh does in a share and in a plain folder: jobs.sh NAME, in an empty folder.
#  INPUT has what goes in, LIB is this folder, N a number of things.  What a job prints, and
# what it leaves, does not depend on where it runs.

set -euo pipefail

job_git()
{
	export GIT_AUTHOR_DATE=2021-01-01T00:00:00Z GIT_COMMITTER_DATE=2021-01-01T00:00:00Z
	git clone -q --no-hardlinks "$INPUT/repo" repo
	cd repo
	for i in 1 2 3; do
		echo "more $i" >>file1
		git add -A
		git commit -qm "more $i"
	done
	git checkout -q -b other HEAD~2
	git merge -q -m merge main
	git gc -q --prune=now
	git fsck --full --strict
	git status --porcelain
	git rev-parse HEAD "HEAD^{tree}"
	git ls-files -s | sha256sum
	sha256sum file* base/*
}

job_tar()
{
	tar -C "$INPUT" --xattrs --acls -cf tree.tar tree
	tar --xattrs --acls -xf tree.tar
	tar -cf - tree | tar -tf - | sort
	tar -df tree.tar >/dev/null
	rm tree.tar
}

job_make()
{
	cp -r "$INPUT/tree/src/base" "$INPUT/tree/src/include" .
	cat >Makefile <<-"END"
	OBJECTS := $(patsubst %.c,%.o,$(wildcard base/*.c))
	base.a: $(OBJECTS)
	        ar rcD $@ $^
	%.o: %.c
	        gcc -std=gnu17 -O1 -D_GNU_SOURCE -Iinclude -I. -c -o $@ $<
	END
	sed -i "s/^        /\t/" Makefile
	make -s -j2
	make -q
	touch base/error.c
	make -s
	nm base.a | sort | sha256sum
}

job_sqlite_delete()
{
	sqlite3 a.db "pragma journal_mode=delete; pragma mmap_size=268435456; pragma synchronous=normal;
	create table t(a integer primary key, b text); create index i on t(b);"
	for r in 1 2 3; do
		sqlite3 a.db "pragma mmap_size=268435456; begin; with recursive n(x) as (values(1) union all
		select x+1 from n where x < $N * 10) insert into t(b) select printf(\"%d-%d\", $r, x * 7919 % 10007)
		from n; commit; update t set b = b || \"!\" where a % 3 = 0; delete from t where a % 5 = 0;"
	done
	sqlite3 a.db "pragma integrity_check; select count(*), sum(length(b)) from t; vacuum; select count(*) from t;"
	sqlite3 a.db .dump | sha256sum
}

job_sqlite_wal()
{
	sqlite3 a.db "pragma journal_mode=wal; create table t(a integer primary key, b text);"
	for r in 1 2 3 4; do
		sqlite3 a.db ".timeout 20000" "pragma mmap_size=268435456; begin immediate;
		with recursive n(x) as (values(1) union all select x+1 from n where x < $N * 5) insert into t(b) select printf(\"%d-%d\", $r, x * 7919 % 10007)
		from n; commit; update t set b = b || \"!\" where a % 3 = 0;" &
		while ! sqlite3 a.db ".timeout 20000" "pragma mmap_size=268435456; select 1 from t limit 1" \
			>/dev/null; do :; done
		wait $!
	done
	sqlite3 a.db ".timeout 20000" "pragma integrity_check; select count(*), sum(length(b)) from t;"
	sqlite3 a.db .dump | sha256sum
	python3 - <<-"END"
	import sqlite3
	a = sqlite3.connect("a.db", timeout=30); b = sqlite3.connect("a.db", timeout=30)
	a.execute("begin immediate"); a.execute("insert into t(b) values (1)")
	print(b.execute("select count(*) from t where b = 1").fetchone())
	a.commit()
	print(b.execute("select count(*) from t where b = 1").fetchone())
	a.execute("pragma wal_checkpoint(truncate)"); print(a.execute("pragma integrity_check").fetchone())
	END
}

job_vim()
{
	for copy in yes no auto auto,breaksymlink auto,breakhardlink; do
		for backup in backup nobackup; do
			for write in writebackup nowritebackup; do
				f=$copy-$backup-$write.txt
				printf "one\ntwo\n" >"$f"
				chmod 640 "$f"
				for i in 1 2 3; do
					vim -es -u NONE -i NONE -c "set bkc=$copy $backup $write fsync" \
						-c "normal Goline $i" -c "wq" "$f" </dev/null
				done
			done
		done
	done
	seq 100000 >big.txt
	vim -es -u NONE -i NONE -c "%s/9/nine/g" -c "wq" big.txt </dev/null
	cat -- *.txt
	find . | sort
}

job_nano()
{
	local f options
	for options in "" "-B" "-B -C $PWD"; do
		f=file$(wc -w <<<"$options").txt
		printf "one\ntwo\n" >"$f"
		chmod 600 "$f"
		# shellcheck disable=SC2086 # several words
		python3 "$LIB/typist" "typed |\x0f|\r|\x18" nano --ignorercfiles $options "$f"
	done
	# nano -C names a backup by the whole path.
	find . -type f | sed 's/^.*!/!/' | sort
	cat file*.txt
	rm -f -- *!*~
}

job_rsync()
{
	rsync -aHAX "$INPUT/tree/" copy/
	rsync -aHAX --delete "$INPUT/tree/" copy/
	echo changed >>copy/src/base/error.c
	rsync -aHAX --inplace --no-whole-file "$INPUT/tree/" copy/
	rsync -aH --stats copy/ again/ | grep -c "Number of files"
}

job_sparse()
{
	cp --sparse=always "$INPUT/tree/sparse" a
	cp --sparse=never a b
	cp --reflink=auto --sparse=auto a c
	cmp "$INPUT/tree/sparse" a && cmp a b && cmp a c
	local f
	for f in a c; do [ "$(stat -c %b $f)" -lt 2000 ] && echo sparse; done
	[ "$(stat -c %b b)" -gt 30000 ] && echo full
	fallocate -p -o 4096 -l 1048576 b
	fallocate -z -o 8000000 -l 4097 b
	fallocate -l 21000000 b
	truncate -s 100000 c
	truncate -s 200000 c
	python3 - <<-"END"
	import os
	fd = os.open("a", os.O_RDONLY)
	print(os.lseek(fd, 65536, os.SEEK_DATA) // 4096, os.lseek(fd, 12345678, os.SEEK_HOLE) // 4096)
	END
}

job_grep()
{
	cp -r "$INPUT/tree/src" .
	grep -rc include src | sort
	grep -rl mrq_fail src | sort
	find src -name "*.c" -print0 | xargs -0 wc -l | sort
}

job_gcc()
{
	cat >a.c <<-"END"
	#include <stdio.h>
	#include <sys/mman.h>
	#include <fcntl.h>
	#include <string.h>
	#include <unistd.h>
	int main(int argc, char **argv) {
	 int fd = open("map", O_RDWR | O_CREAT, 0644);
	 if (ftruncate(fd, 100000) < 0) return 1;
	 char *p = mmap(0, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	 if (p == MAP_FAILED) return 2;
	 for (int i = 0; i < 100000; i += 3) p[i] = (char)i;
	 if (msync(p, 100000, MS_SYNC) < 0) return 3;
	 char buf[10]; if (pread(fd, buf, 10, 99990) != 10) return 4;
	 for (int i = 0; i < 10; i++) printf("%d ", buf[i]);
	 if (pwrite(fd, "abc", 3, 5000) != 3) return 5;
	 printf("%.3s %d\n", p + 5000, argc); (void)argv; return 0; }
	END
	gcc -O2 -o a a.c
	./a 1 2
	sha256sum a map
}

job_python()
{
	mkdir pkg
	echo "x = [i * i for i in range(100)]" >pkg/__init__.py
	python3 -B -c "import pkg; print(sum(pkg.x))"
	python3 - <<-"END"
	import os, shutil, tempfile, zipfile, json, fcntl
	with tempfile.TemporaryFile(dir=".") as t:  # O_TMPFILE
	    t.write(b"x" * 100000); t.seek(5); print(t.read(3))
	with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as z:
	    z.writestr(zipfile.ZipInfo("a"), "text " * 10000)
	print(zipfile.ZipFile("z.zip").testzip())
	shutil.make_archive("arc", "gztar", "pkg"); os.remove("arc.tar.gz")
	with open("lock", "w") as f:
	    fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_EX); f.write("locked")
	fd = os.open("app", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
	for i in range(1000): os.write(fd, b"%d\n" % i)
	os.pwrite(fd, b"end\n", 0); os.close(fd)
	print(os.stat("app").st_size)
	os.link("app", "app2"); os.rename("app2", "app"); os.symlink("app", "s")
	os.chmod("app", 0o400); print(open("s").read()[-8:])
	END
}

# The profile lies here as well, with its locks.  Of what a conversion back to text gives each byte
# counts, of the rest all but times.
job_office()
{
	local f
	cp "$INPUT"/office/* .
	convert()
	{
		timeout 300 soffice "-env:UserInstallation=file://$PWD/profile" --headless \
			--convert-to "$@" >convert.log 2>&1 || {
			cat convert.log >&2
			return 1
		}
	}
	convert odt text.txt
	convert docx text.odt
	convert xlsx table.csv
	convert ods table.xlsx
	convert pdf text.docx table.ods
	for f in sample*.docx; do
		[ ! -e "$f" ] || convert pdf "$f"
	done
	convert csv --outdir back table.ods
	convert txt:Text --outdir back text.docx
	cmp table.csv back/table.csv
	sha256sum back/*
	# A second time over what is there.
	convert odt text.docx
	python3 "$LIB/office.py" ./*.odt ./*.docx ./*.xlsx ./*.ods ./*.pdf
}

"job_${1//-/_}"
