\set id random(:first_kept, :last_kept)
update single set note = 'changed ' || :id || ' ' || random(), amount = amount + 1, at = now() where id = :id;
