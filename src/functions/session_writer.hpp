// Sessions of a pass: looks merged ones up, and puts those that change into the tables.
#pragma once

#include "core/cells/line.hpp"
#include "core/cells/sessions.hpp"

#include "functions/cell_pass.hpp"
#include "pg/headers.hpp"
#include "pg/rows.hpp"

namespace analytics::cell_pass {

class SessionWriter {
public:
    SessionWriter(SessionPass& pass, cells::Words& words) : pass_(pass), words_(words), sessions_(words) {}

    void add(cells::Line& line);
    // Puts what came so far into the tables, but for keys that are left to SQL. last: nothing more comes.
    void write(bool last);
    // Those keys, whole: from the events that `seen` has and `merged` has not. Returns the sessions before and after, of all.
    std::int64_t finish(Datum merged, Datum seen);

    std::size_t bytes() const { return sessions_.bytes(); }

private:
    void look_up();
    std::map<cells::Word, std::int64_t> cuts();
    void put_changes(std::span<const cells::Change> changes, pg::Rows& rows) const;
    void put_days(std::span<const cells::Change> changes, pg::Rows& rows) const;

    SessionPass& pass_;
    cells::Words& words_;
    cells::Sessions sessions_;
    std::int64_t changed_ = 0;
};

}  // namespace analytics::cell_pass
