#include "functions/partition_checks.hpp"

#include "pg/compat.hpp"

namespace analytics::ingest {
namespace {

// ---- All of this runs inside protect(): no object that needs a destructor. ----

struct Checks {
    Oid relation;  // the hash table's key
    bool is_valid;
    MemoryContext memory;  // holds the trees
    int size;
    Expr** planned;  // by place in the tuple descriptor's constraints
};

// Memory of trees that gave way to others. A call that runs may still use them: freed in a later transaction.
struct Retired {
    MemoryContext memory;
    TimestampTz transaction;
    Retired* next;
};

HTAB* known = nullptr;
Retired* retired = nullptr;
std::uint64_t changes = 0;  // how often PostgreSQL told of one

void forget(Oid relation) {
    ++changes;
    if (OidIsValid(relation)) {
        auto* const checks = static_cast<Checks*>(hash_search(known, &relation, HASH_FIND, nullptr));
        if (checks != nullptr) {
            checks->is_valid = false;
        }
        return;
    }
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, known);
    while (auto* const checks = static_cast<Checks*>(hash_seq_search(&all))) {
        checks->is_valid = false;
    }
}

void relation_changed(Datum, Oid relation) { forget(relation); }
void function_changed(Datum, int, uint32) { forget(InvalidOid); }  // it may be part of a tree

void begin() {
    HASHCTL control{};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Checks);
    control.hcxt = TopMemoryContext;
    known = hash_create("checks of partitions", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    CacheRegisterRelcacheCallback(relation_changed, 0);
    CacheRegisterSyscacheCallback(PROCOID, function_changed, 0);
}

void retire(MemoryContext memory) {
    auto* const entry = static_cast<Retired*>(MemoryContextAlloc(TopMemoryContext, sizeof(Retired)));
    *entry = {memory, GetCurrentTransactionStartTimestamp(), retired};
    retired = entry;
}

void free_retired() {
    for (Retired** place = &retired; *place != nullptr;) {
        Retired* const entry = *place;
        if (entry->transaction == GetCurrentTransactionStartTimestamp()) {
            place = &entry->next;
            continue;
        }
        *place = entry->next;
        MemoryContextDelete(entry->memory);
        pfree(entry);
    }
}

// The relation's checks, planned; null where something changed while they were read.
const Checks* checks_of(Relation relation) {
    const Oid id = RelationGetRelid(relation);
    bool found = false;
    auto* checks = static_cast<Checks*>(hash_search(known, &id, HASH_ENTER, &found));
    if (found && checks->is_valid) {
        return checks;
    }
    free_retired();
    MemoryContext const old = found ? checks->memory : nullptr;
    checks->is_valid = false;
    checks->memory = nullptr;
    if (old != nullptr) {
        retire(old);
    }
    const std::uint64_t before = changes;
    const TupleConstr* const constraints = RelationGetDescr(relation)->constr;
    MemoryContext const memory =
        AllocSetContextCreate(CurrentMemoryContext, "checks of a partition", ALLOCSET_SMALL_SIZES);
    MemoryContext const caller = MemoryContextSwitchTo(memory);
    const int size = constraints->num_check;
    auto** const planned = static_cast<Expr**>(palloc(sizeof(Expr*) * static_cast<Size>(size)));
    for (int i = 0; i < size; ++i) {
        planned[i] = expression_planner(static_cast<Expr*>(stringToNode(constraints->check[i].ccbin)));
    }
    MemoryContextSwitchTo(caller);
    if (changes != before) {
        MemoryContextDelete(memory);
        return nullptr;
    }
    MemoryContextSetParent(memory, TopMemoryContext);  // from here on nothing fails
    checks->memory = memory;
    checks->size = size;
    checks->planned = planned;
    checks->is_valid = true;
    return checks;
}

}  // namespace

void prepare_checks(ResultRelInfo* relation, EState* executor) {
    ExprState*** const slot = pg::compat::compiled_checks(relation);
    const TupleConstr* const constraints = RelationGetDescr(relation->ri_RelationDesc)->constr;
    if (slot == nullptr || constraints == nullptr || constraints->num_check == 0) {
        return;
    }
    if (known == nullptr) {
        begin();
    }
    const Checks* const checks = checks_of(relation->ri_RelationDesc);
    if (checks == nullptr || checks->size != constraints->num_check) {
        return;  // PostgreSQL reads them itself
    }
    MemoryContext const caller = MemoryContextSwitchTo(executor->es_query_cxt);
    auto** const compiled = static_cast<ExprState**>(palloc(sizeof(ExprState*) * static_cast<Size>(checks->size)));
    for (int i = 0; i < checks->size; ++i) {
        compiled[i] = ExecInitExpr(checks->planned[i], nullptr);
    }
    *slot = compiled;
    MemoryContextSwitchTo(caller);
}

}  // namespace analytics::ingest
