\set id random(1, 50000)
update wide set note = 'changed ' || :id || ' ' || random(), amount = amount + 1, at = now() where id = :id;
