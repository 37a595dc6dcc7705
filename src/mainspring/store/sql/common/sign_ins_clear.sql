-- Forget the tries of a slot.
delete from mainspring.sign_ins where slot = :slot
