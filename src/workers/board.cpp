#include "workers/board.hpp"

namespace analytics::workers::board {
namespace {

constexpr int kCapacity = 1024;
constexpr const char* kName = "analytics workers";

struct Entry {
    Oid database;
    Word word;
    bool look;
    bool stopped;

    bool blank() const { return word == Word::none && !look && !stopped; }
};

struct Board {
    Latch* launcher;  // of its PGPROC, and so always safe to set
    int size;
    Entry entries[kCapacity];
};

Board* board = nullptr;
LWLock* lock = nullptr;
shmem_request_hook_type next_request_hook = nullptr;
shmem_startup_hook_type next_startup_hook = nullptr;

void request_memory() {
    if (next_request_hook != nullptr) {
        next_request_hook();
    }
    RequestAddinShmemSpace(MAXALIGN(sizeof(Board)));
    RequestNamedLWLockTranche(kName, 1);
}

void find_memory() {
    if (next_startup_hook != nullptr) {
        next_startup_hook();
    }
    bool found = false;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    board = static_cast<Board*>(ShmemInitStruct(kName, sizeof(Board), &found));
    if (!found) {
        memset(board, 0, sizeof(Board));
    }
    lock = &GetNamedLWLockTranche(kName)->lock;
    LWLockRelease(AddinShmemInitLock);
}

Entry* find(Oid database) {
    for (int i = 0; i < board->size; ++i) {
        if (board->entries[i].database == database) {
            return &board->entries[i];
        }
    }
    return nullptr;
}

// Runs change(entry) on the database's entry, makes it if there is none and removes it if nothing is left to say.
// False: the board is full.
template <typename Change>
bool change_entry(Oid database, Change&& change) {
    if (board == nullptr) {
        return false;
    }
    LWLockAcquire(lock, LW_EXCLUSIVE);
    Entry* entry = find(database);
    if (entry == nullptr && board->size < kCapacity) {
        entry = &board->entries[board->size++];
        *entry = Entry{database, Word::none, false, false};
    }
    if (entry != nullptr) {
        change(*entry);
        if (entry->blank()) {
            *entry = board->entries[--board->size];
        }
    }
    LWLockRelease(lock);
    return entry != nullptr;
}

Entry read_entry(Oid database) {
    Entry copy{database, Word::none, false, false};
    if (board != nullptr) {
        LWLockAcquire(lock, LW_SHARED);
        if (const Entry* entry = find(database)) {
            copy = *entry;
        }
        LWLockRelease(lock);
    }
    return copy;
}

void set_launcher(Latch* latch) {
    LWLockAcquire(lock, LW_EXCLUSIVE);
    board->launcher = latch;
    LWLockRelease(lock);
}

void withdraw_launcher(int /*code*/, Datum /*unused*/) { set_launcher(nullptr); }

Latch* launcher_latch() {
    if (board == nullptr) {
        return nullptr;
    }
    LWLockAcquire(lock, LW_SHARED);
    Latch* const latch = board->launcher;
    LWLockRelease(lock);
    return latch;
}

}  // namespace

void reserve() {
    next_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    next_startup_hook = shmem_startup_hook;
    shmem_startup_hook = find_memory;
}

bool exists() { return board != nullptr; }

void announce_launcher() {
    set_launcher(MyLatch);
    before_shmem_exit(withdraw_launcher, Datum{0});
}

bool take_look(Oid database) {
    bool look = false;
    change_entry(database, [&](Entry& entry) {
        look = entry.look;
        entry.look = false;
    });
    return look;
}

Word word(Oid database) { return read_entry(database).word; }

Word take_word(Oid database) {
    Word word = Word::none;
    change_entry(database, [&](Entry& entry) {
        word = entry.word;
        entry.word = Word::none;
    });
    return word;
}

void forget(Oid database) {
    change_entry(database, [](Entry& entry) { entry = Entry{entry.database, Word::none, false, false}; });
}

void leave_word(Oid database, Word word) {
    change_entry(database, [&](Entry& entry) { entry.word = word; });
    wake_launcher();
}

void wake_launcher() {
    if (Latch* const latch = launcher_latch()) {
        SetLatch(latch);
    }
}

void request_look(Oid database) {
    change_entry(database, [](Entry& entry) { entry.look = true; });
    wake_launcher();
}

bool set_stopped(Oid database, bool stopped) {
    return change_entry(database, [&](Entry& entry) { entry.stopped = stopped; });
}

bool stopped(Oid database) { return read_entry(database).stopped; }

bool launcher_runs() { return launcher_latch() != nullptr; }

}  // namespace analytics::workers::board
