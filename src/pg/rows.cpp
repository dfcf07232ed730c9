#include "pg/rows.hpp"

namespace analytics::pg {

Rows::Rows(const char* name, TupleDesc columns)
    : name_(name), columns_(columns), store_(nullptr), exceptions_(std::uncaught_exceptions()) {
    protect([&] { store_ = tuplestore_begin_heap(false, false, work_mem); });
}

void Rows::show() {
    const int code = protect([&] {
        auto* const relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
        relation->md.name = pstrdup(name_);
        relation->md.reliddesc = InvalidOid;
        relation->md.tupdesc = columns_;
        relation->md.enrtype = ENR_NAMED_TUPLESTORE;
        relation->md.enrtuples = static_cast<double>(count_);
        relation->reldata = store_;
        return SPI_register_relation(relation);
    });
    if (code != SPI_OK_REL_REGISTER) {
        throw analytics::Error(Code::internal,
                               std::string("SPI_register_relation failed: ") + SPI_result_code_string(code));
    }
    shown_ = true;
}

Rows::~Rows() {
    // While an exception passes, the connection and all its memory go with the failed transaction.
    if (std::uncaught_exceptions() == exceptions_) {
        if (shown_) {
            SPI_unregister_relation(name_);
        }
        tuplestore_end(store_);
    }
}

}  // namespace analytics::pg
