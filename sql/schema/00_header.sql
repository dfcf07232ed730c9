-- analytics: the extension's script. Everything is qualified; nothing is found by the installer's search_path.
SET LOCAL search_path TO pg_catalog, pg_temp;
SET LOCAL check_function_bodies TO off;
