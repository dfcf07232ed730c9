#include "functions/ingest_writer.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <tuple>

#include "functions/partition_checks.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/errors.hpp"

namespace analytics::ingest {
namespace {

// The columns that are set here. All others get their default or generated value.
// clang-format off
enum Column : int {
    kStoreId, kEventId, kLine, kRevision, kSign, kEventType, kOccurredAt, kCustomerId, kAnonymousId, kSessionId,
    kOrderId, kProductId, kQuantity, kUnitPrice, kAmount, kDiscount, kTax, kShipping, kTaxIncluded, kLineKind,
    kExcluded, kCurrency, kChannel, kCountry, kDevice, kCampaign, kProperties, kIngestedAt, kIngestXid, kColumns
};
constexpr std::array<const char*, kColumns> kColumnNames = {
    "store_id", "event_id", "line", "revision", "sign", "event_type", "occurred_at", "customer_id", "anonymous_id",
    "session_id", "order_id", "product_id", "quantity", "unit_price", "amount", "discount", "tax", "shipping",
    "tax_included", "line_kind", "excluded", "currency", "channel", "country", "device", "campaign", "properties",
    "ingested_at", "ingest_xid"};
// clang-format on

// Rows are formed and then written together: as many as COPY takes, or fewer of large ones.
constexpr int kBufferedRows = 1000;
constexpr Size kBufferedBytes = 1 << 20;

// A column that is not set here but gets its default or generated value.
struct OtherColumn {
    AttrNumber attribute;
    bool is_generated;
    ExprState* expression;  // null: no default
};

// A partition that is written to.
struct Target {
    Relation relation;
    ResultRelInfo* result;
    bool is_default;
    std::array<AttrNumber, kColumns> attributes;
    OtherColumn* others;
    int others_count;
    BulkInsertState bulk;
    TupleTableSlot** slots;  // made as needed, kept
    int slots_made;
    int rows;  // slots that hold a row not yet written
};

using Values = std::array<Datum, kColumns>;
using Nulls = std::array<bool, kColumns>;

}  // namespace

struct WriterState {
    EState* executor;
    MemoryContext rows;  // values of the rows in the buffer
    Relation parent;
    PartitionKey key;
    PartitionDesc partitions;
    Target** targets;  // by place in partitions; null until opened
    CommandId command;
    Datum ingested_at;
    Datum transaction;
};

// ---- All of this namespace runs inside protect(): no object that needs a destructor. ----
namespace {

Oid event_relation() {
    const Oid relation = get_relname_relid("event", get_namespace_oid("analytics", false));
    if (!OidIsValid(relation)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"analytics.event\" does not exist"),
                        errhint("Create the extension anew.")));
    }
    return relation;
}

WriterState* open_writer() {
    EState* const executor = CreateExecutorState();
    MemoryContext const caller = MemoryContextSwitchTo(executor->es_query_cxt);
    auto* const state = static_cast<WriterState*>(palloc0(sizeof(WriterState)));
    state->executor = executor;
    state->rows = AllocSetContextCreate(executor->es_query_cxt, "ingested rows", ALLOCSET_DEFAULT_SIZES);
    state->parent = table_open(event_relation(), RowExclusiveLock);
    state->key = RelationGetPartitionKey(state->parent);
    state->partitions = RelationGetPartitionDesc(state->parent, true);
    state->targets = static_cast<Target**>(palloc0(sizeof(Target*) * static_cast<Size>(state->partitions->nparts)));
    state->command = GetCurrentCommandId(true);
    state->ingested_at = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    state->transaction = FullTransactionIdGetDatum(GetTopFullTransactionId());
    AfterTriggerBeginQuery();
    MemoryContextSwitchTo(caller);
    return state;
}

// Place of the partition for this time.
int route(const WriterState* state, UnixMicros occurred_at) {
    Datum value = TimestampTzGetDatum(pg::to_timestamp(occurred_at));
    const PartitionBoundInfo bounds = state->partitions->boundinfo;
    bool equal = false;
    const int below =
        partition_range_datum_bsearch(state->key->partsupfunc, state->key->partcollation, bounds, 1, &value, &equal);
    const int place = bounds->indexes[below + 1] >= 0 ? bounds->indexes[below + 1] : bounds->default_index;
    if (place < 0) {
        ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), errmsg("no partition of relation \"event\" found for row"),
                        errhint("Attach a default partition to analytics.event.")));
    }
    return place;
}

// Finds the columns that are set, and prepares the values of the others.
void map_columns(Target* target, EState* executor) {
    const TupleDesc columns = RelationGetDescr(target->relation);
    target->others = static_cast<OtherColumn*>(palloc0(sizeof(OtherColumn) * static_cast<Size>(columns->natts)));
    for (int i = 0; i < columns->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(columns, i);
        const auto number = static_cast<AttrNumber>(i + 1);
        if (column->attisdropped) {
            continue;
        }
        int known = 0;
        while (known < kColumns && strcmp(kColumnNames[static_cast<Size>(known)], NameStr(column->attname)) != 0) {
            ++known;
        }
        if (known < kColumns) {
            target->attributes[static_cast<Size>(known)] = number;
        } else if (column->attgenerated == '\0' || column->attgenerated == ATTRIBUTE_GENERATED_STORED) {
            Node* const value = build_column_default(target->relation, number);
            target->others[target->others_count++] = {
                number, column->attgenerated != '\0',
                value == nullptr ? nullptr : ExecPrepareExpr(reinterpret_cast<Expr*>(value), executor)};
        }
    }
    for (int i = 0; i < kColumns; ++i) {
        if (target->attributes[static_cast<Size>(i)] == 0) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("column \"%s\" of relation \"%s\" does not exist",
                                   kColumnNames[static_cast<Size>(i)], RelationGetRelationName(target->relation))));
        }
    }
}

Target* open_target(WriterState* state, int place) {
    if (state->targets[place] != nullptr) {
        return state->targets[place];
    }
    MemoryContext const caller = MemoryContextSwitchTo(state->executor->es_query_cxt);
    auto* const target = static_cast<Target*>(palloc0(sizeof(Target)));
    target->relation = table_open(state->partitions->oids[place], RowExclusiveLock);
    if (target->relation->rd_rel->relkind != RELKIND_RELATION) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("cannot ingest into partition \"%s\"", RelationGetRelationName(target->relation)),
                        errdetail("It is not an ordinary table."),
                        errhint("Detach it, or leave its time range to an ordinary partition.")));
    }
    target->is_default = place == state->partitions->boundinfo->default_index;
    target->result = makeNode(ResultRelInfo);
    InitResultRelInfo(target->result, target->relation, 0, nullptr, 0);
    ExecOpenIndices(target->result, false);
    prepare_checks(target->result, state->executor);
    map_columns(target, state->executor);
    target->slots = static_cast<TupleTableSlot**>(palloc0(sizeof(TupleTableSlot*) * kBufferedRows));
    state->targets[place] = target;
    MemoryContextSwitchTo(caller);
    return target;
}

Target* open_target_of(WriterState* state, Oid relation) {
    for (int place = 0; place < state->partitions->nparts; ++place) {
        if (state->partitions->oids[place] == relation) {
            return open_target(state, place);
        }
    }
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
             errmsg("partition %u of relation \"event\" was detached concurrently", relation), errhint("Try again.")));
    pg_unreachable();
}

// Writes what is buffered.
void flush(WriterState* state, Target* target) {
    if (target->rows == 0) {
        return;
    }
    MemoryContext const caller = MemoryContextSwitchTo(state->executor->es_query_cxt);
    if (target->bulk == nullptr && target->rows == kBufferedRows) {
        target->bulk = GetBulkInsertState();  // a full buffer: more is to come
    }
    MemoryContextSwitchTo(GetPerTupleMemoryContext(state->executor));
    table_multi_insert(target->relation, target->slots, target->rows, state->command, 0, target->bulk);
    const TriggerDesc* const triggers = target->result->ri_TrigDesc;
    for (int i = 0; i < target->rows; ++i) {
        List* recheck = NIL;
        if (target->result->ri_NumIndices > 0) {
            recheck = pg::compat::insert_index_tuples(target->result, target->slots[i], state->executor);
        }
        if (triggers != nullptr && triggers->trig_insert_after_row) {
            ExecARInsertTriggers(state->executor, target->result, target->slots[i], recheck, nullptr);
        }
        ExecClearTuple(target->slots[i]);
    }
    target->rows = 0;
    MemoryContextSwitchTo(caller);
    ResetPerTupleExprContext(state->executor);
    MemoryContextReset(state->rows);
    CHECK_FOR_INTERRUPTS();
}

// Sets the columns that are not set from an event: as in the row that is taken back, or computed. The slot is a virtual
// row: its values are the arrays.
void complete_row(WriterState* state, const Target* target, TupleTableSlot* slot, const TakenBackLine* source) {
    ExprContext* const context = GetPerTupleExprContext(state->executor);
    context->ecxt_scantuple = slot;
    for (int i = 0; i < target->others_count; ++i) {
        const OtherColumn& column = target->others[i];
        const int place = column.attribute - 1;
        const int number =
            source == nullptr || column.is_generated
                ? SPI_ERROR_NOATTRIBUTE
                : SPI_fnumber(source->columns, NameStr(TupleDescAttr(slot->tts_tupleDescriptor, place)->attname));
        if (number > 0) {
            slot->tts_values[place] = heap_getattr(source->row, number, source->columns, &slot->tts_isnull[place]);
        } else if (column.expression != nullptr) {
            slot->tts_values[place] = ExecEvalExprSwitchContext(column.expression, context, &slot->tts_isnull[place]);
        }
    }
}

// Adds a row of these values, complete and checked, to the buffer.
void add_row(WriterState* state, Target* target, const Values& values, const Nulls& nulls,
             const TakenBackLine* source = nullptr) {
    if (target->rows == target->slots_made) {
        MemoryContext const caller = MemoryContextSwitchTo(state->executor->es_query_cxt);
        target->slots[target->slots_made++] = table_slot_create(target->relation, nullptr);
        MemoryContextSwitchTo(caller);
    }
    TupleTableSlot* const slot = target->slots[target->rows];
    const int width = slot->tts_tupleDescriptor->natts;
    for (int i = 0; i < width; ++i) {
        slot->tts_values[i] = 0;
        slot->tts_isnull[i] = true;
    }
    for (Size i = 0; i < kColumns; ++i) {
        slot->tts_values[target->attributes[i] - 1] = values[i];
        slot->tts_isnull[target->attributes[i] - 1] = nulls[i];
    }
    ExecStoreVirtualTuple(slot);
    complete_row(state, target, slot, source);
    const TupleConstr* const constraints = RelationGetDescr(target->relation)->constr;
    const TriggerDesc* const triggers = target->result->ri_TrigDesc;
    if (triggers != nullptr && triggers->trig_insert_before_row) {
        if (!ExecBRInsertTriggers(state->executor, target->result, slot)) {
            ExecClearTuple(slot);
            return;  // the trigger wants the row left out
        }
        if (constraints != nullptr && constraints->has_generated_stored) {
            ExecComputeStoredGenerated(target->result, state->executor, slot, CMD_INSERT);
        }
    }
    if (constraints != nullptr) {
        ExecConstraints(target->result, slot, state->executor);
    }
    if (target->is_default) {
        // a partition for its range may have been attached since it was chosen
        ExecPartitionCheck(target->result, slot, state->executor, true);
    }
    ++target->rows;
}

bool buffer_is_full(const WriterState* state, const Target* target) {
    return target->rows == kBufferedRows || MemoryContextMemAllocated(state->rows, false) > kBufferedBytes;
}

void set_text(Values& values, Nulls& nulls, Column column, std::string_view text) {
    values[column] = pg::text_datum(text);
    nulls[column] = false;
}

void set_text(Values& values, Nulls& nulls, Column column, const std::optional<std::string_view>& text) {
    nulls[column] = !text.has_value();
    if (text) {
        values[column] = pg::text_datum(*text);
    }
}

void set_number(Values& values, Nulls& nulls, Column column, const std::optional<Decimal>& number) {
    nulls[column] = !number.has_value();
    if (number) {
        values[column] = pg::numeric_datum(*number);
    }
}

void set_plain(Values& values, Nulls& nulls, Column column, Datum value) {
    values[column] = value;
    nulls[column] = false;
}

void set_event(const WriterState* state, const NewLine& line, Values& values, Nulls& nulls) {
    const Event& event = *line.event;
    set_text(values, nulls, kStoreId, event.store_id);
    set_text(values, nulls, kEventId, event.event_id);
    set_plain(values, nulls, kRevision, Int32GetDatum(line.revision));
    set_plain(values, nulls, kSign, Int16GetDatum(1));
    set_text(values, nulls, kEventType, event.event_type);
    set_plain(values, nulls, kOccurredAt, TimestampTzGetDatum(pg::to_timestamp(event.occurred_at)));
    set_text(values, nulls, kCustomerId, event.customer_id);
    set_text(values, nulls, kAnonymousId, event.anonymous_id);
    set_text(values, nulls, kSessionId, event.session_id);
    set_text(values, nulls, kOrderId, event.order_id);
    set_plain(values, nulls, kTaxIncluded, BoolGetDatum(event.tax_included));
    set_text(values, nulls, kExcluded, event.excluded);
    nulls[kCurrency] = event.currency.empty();
    if (!event.currency.empty()) {
        set_text(values, nulls, kCurrency, event.currency);
    }
    set_text(values, nulls, kChannel, event.channel);
    set_text(values, nulls, kCountry, event.country);
    set_text(values, nulls, kDevice, event.device);
    set_text(values, nulls, kCampaign, event.campaign);
    set_plain(values, nulls, kIngestedAt, state->ingested_at);
    set_plain(values, nulls, kIngestXid, state->transaction);
}

void set_line(const EventLine& line, Values& values, Nulls& nulls) {
    set_plain(values, nulls, kLine, Int16GetDatum(line.line));
    set_text(values, nulls, kProductId, line.product_id);
    nulls[kQuantity] = !line.quantity.has_value();
    if (line.quantity) {
        values[kQuantity] = Int32GetDatum(*line.quantity);
    }
    set_number(values, nulls, kUnitPrice, line.unit_price);
    set_number(values, nulls, kAmount, line.amount);
    set_number(values, nulls, kDiscount, line.discount);
    set_number(values, nulls, kTax, line.tax);
    set_number(values, nulls, kShipping, line.shipping);
    set_text(values, nulls, kLineKind, to_string(line.kind));
    nulls[kProperties] = line.properties.empty();
    if (!line.properties.empty()) {
        values[kProperties] = pg::jsonb_datum(line.properties);
    }
}

void write_run(WriterState* state, int place, const NewLine* lines, Size count) {
    Target* const target = open_target(state, place);
    MemoryContext const caller = MemoryContextSwitchTo(state->rows);
    Values values{};
    Nulls nulls{};
    const Event* event = nullptr;  // whose values are set
    for (Size i = 0; i < count; ++i) {
        if (lines[i].event != event) {
            set_event(state, lines[i], values, nulls);
            event = lines[i].event;
        }
        set_line(*lines[i].line, values, nulls);
        add_row(state, target, values, nulls);
        if (buffer_is_full(state, target)) {
            flush(state, target);
            event = nullptr;
        }
    }
    flush(state, target);
    MemoryContextSwitchTo(caller);
}

void take_back_run(WriterState* state, const TakenBackLine* rows, Size count) {
    Target* const target = open_target_of(state, rows->partition);
    MemoryContext const caller = MemoryContextSwitchTo(state->rows);
    std::array<int, kColumns> sources{};
    for (Size i = 0; i < kColumns; ++i) {
        sources[i] = SPI_fnumber(rows->columns, kColumnNames[i]);
    }
    Values values{};
    Nulls nulls{};
    for (Size i = 0; i < count; ++i) {
        for (Size column = 0; column < kColumns; ++column) {
            values[column] = heap_getattr(rows[i].row, sources[column], rows[i].columns, &nulls[column]);
        }
        set_plain(values, nulls, kSign, Int16GetDatum(-1));
        set_plain(values, nulls, kIngestedAt, state->ingested_at);
        set_plain(values, nulls, kIngestXid, state->transaction);
        add_row(state, target, values, nulls, &rows[i]);
        if (buffer_is_full(state, target)) {
            flush(state, target);
        }
    }
    flush(state, target);
    MemoryContextSwitchTo(caller);
}

void close_writer(WriterState* state) {
    AfterTriggerEndQuery(state->executor);
    for (int place = 0; place < state->partitions->nparts; ++place) {
        Target* const target = state->targets[place];
        if (target == nullptr) {
            continue;
        }
        if (target->bulk != nullptr) {
            FreeBulkInsertState(target->bulk);
        }
        for (int i = 0; i < target->slots_made; ++i) {
            ExecDropSingleTupleTableSlot(target->slots[i]);
        }
        table_finish_bulk_insert(target->relation, 0);
        ExecCloseIndices(target->result);
        table_close(target->relation, NoLock);
    }
    table_close(state->parent, NoLock);
    ExecResetTupleTable(state->executor->es_tupleTable, false);
    ExecCloseResultRelations(state->executor);
    FreeExecutorState(state->executor);
}

}  // namespace

void lock_event() {
    pg::protect([] {
        const Relation parent = table_open(event_relation(), RowExclusiveLock);
        const PartitionDesc partitions = RelationGetPartitionDesc(parent, true);
        if (partitions->boundinfo != nullptr && partitions->boundinfo->default_index >= 0) {
            LockRelationOid(partitions->oids[partitions->boundinfo->default_index], RowExclusiveLock);
        }
        table_close(parent, NoLock);
    });
}

EventWriter::EventWriter() : state_(pg::protect(open_writer)) {}

void EventWriter::write(std::span<const NewLine> lines) {
    struct Routed {
        int partition;
        NewLine line;
    };
    std::vector<Routed> routed;
    routed.reserve(lines.size());
    for (const NewLine& line : lines) {
        const bool same = !routed.empty() && routed.back().line.event == line.event;
        const int partition =
            same ? routed.back().partition : pg::protect([&] { return route(state_, line.event->occurred_at); });
        routed.push_back({partition, line});
    }
    // by time, as the index on it wants them; stable: the lines of an event stay together
    std::stable_sort(routed.begin(), routed.end(), [](const Routed& a, const Routed& b) {
        return std::tie(a.partition, a.line.event->occurred_at, a.line.event->index) <
               std::tie(b.partition, b.line.event->occurred_at, b.line.event->index);
    });
    std::vector<NewLine> run;
    run.reserve(routed.size());
    for (std::size_t i = 0; i < routed.size(); ++i) {
        run.push_back(routed[i].line);
        if (i + 1 == routed.size() || routed[i + 1].partition != routed[i].partition) {
            pg::protect([&] { write_run(state_, routed[i].partition, run.data(), run.size()); });
            run.clear();
        }
    }
}

void EventWriter::take_back(std::span<const TakenBackLine> rows) {
    while (!rows.empty()) {
        const auto end = std::find_if(rows.begin(), rows.end(), [&](const TakenBackLine& row) {
            return row.partition != rows.front().partition;
        });
        const auto run = rows.first(static_cast<std::size_t>(end - rows.begin()));
        pg::protect([&] { take_back_run(state_, run.data(), run.size()); });
        rows = rows.subspan(run.size());
    }
}

void EventWriter::finish() {
    pg::protect([&] { close_writer(state_); });
}

}  // namespace analytics::ingest
