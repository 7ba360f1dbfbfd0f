\set id random(1, 100000)
\set delta random(-5000, 5000)
update pgbench_accounts set abalance = abalance + :delta where aid = :id;
