\set id random(1, 100000)
insert into pgbench_history (tid, bid, aid, delta, mtime) values (1, 1, :id, 1, current_timestamp);
