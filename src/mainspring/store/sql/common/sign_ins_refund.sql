-- Take a try back that was none.
update mainspring.sign_ins set tries = tries - 1 where slot = :slot and tries > 0
