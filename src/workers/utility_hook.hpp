// What backends do for the workers when somebody changes databases or extensions. Only where the library is preloaded:
// the hook must be in every session.
//
// Before DROP DATABASE, ALTER DATABASE ... RENAME and SET TABLESPACE, and CREATE DATABASE for its template, the
// database's workers are stopped: these statements tolerate no other session, and an owner's DROP DATABASE ... FORCE
// may not end a superuser's. To keep new ones away the hook takes the lock that the statement would take first in any
// case: a connection waits for it, and the launcher starts no worker that would wait (launcher.hpp). It ends with the
// transaction, so nothing has to be put back, whatever happens. Only for those who own the database: the statement then
// checks what else there is to check.
//
// After CREATE EXTENSION, DROP EXTENSION and CREATE or ALTER DATABASE, at commit, whoever is concerned is woken.
#pragma once

namespace analytics::workers {

void install_utility_hook();

}  // namespace analytics::workers
