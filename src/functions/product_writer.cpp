#include "functions/product_writer.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "functions/cell_writer.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"

namespace analytics::cell_pass {
namespace {

// As ->> has it; null: there is no such member, or its value is null. In CurrentMemoryContext; inside protect().
const char* member_text(Jsonb* document, const char* key) {
    JsonbValue found;
    if (!JB_ROOT_IS_OBJECT(document) ||
        getKeyJsonValueFromContainer(&document->root, key, static_cast<int>(std::strlen(key)), &found) == nullptr) {
        return nullptr;
    }
    switch (found.type) {
        case jbvNull:
            return nullptr;
        case jbvString:
            return pnstrdup(found.val.string.val, static_cast<std::size_t>(found.val.string.len));
        case jbvNumeric:
            return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(found.val.numeric)));
        case jbvBool:
            return found.val.boolean ? "true" : "false";
        default:
            return JsonbToCString(nullptr, found.val.binary.data, found.val.binary.len);
    }
}

constexpr std::array kFields = {"name", "category", "brand"};

}  // namespace

void ProductWriter::add(cells::Line& line) {
    const auto value = [&](ProductPass::Column column) -> const cells::Value& { return line[pass_.columns[column]]; };
    if (line[cells::kSign].number != 1 || value(ProductPass::kProduct).null ||
        value(ProductPass::kKind).text != "product") {
        return;
    }
    const int id = pass_.columns[ProductPass::kProduct];
    const auto hash_of = [&](int column) { return static_cast<std::uint64_t>(line.words().hash(line.word(column))); };
    Product& product = products_[{hash_of(cells::kStore), hash_of(id)}];
    if (product.id.empty()) {
        product.store = line[cells::kStore].text;
        product.id = line[id].text;
    }
    const Age age{line[cells::kOccurredAt].number, line[cells::kRevision].number, value(ProductPass::kStamp).number,
                  -line[cells::kLine].number};
    const std::array<Field*, kFields.size()> fields = {&product.name, &product.category, &product.brand};
    const bool says_more =
        std::any_of(fields.begin(), fields.end(), [&](const Field* field) { return age > field->age; });
    if (const cells::Value& properties = value(ProductPass::kProperties); says_more && !properties.null) {
        std::array<const char*, kFields.size()> texts{};
        pg::protect([&] {
            auto* const document = static_cast<Jsonb*>(palloc(VARHDRSZ + properties.text.size()));
            SET_VARSIZE(document, VARHDRSZ + properties.text.size());
            std::memcpy(&document->root, properties.text.data(), properties.text.size());
            for (std::size_t i = 0; i < kFields.size(); ++i) {
                texts[i] = member_text(document, kFields[i]);
            }
        });
        for (std::size_t i = 0; i < kFields.size(); ++i) {
            if (texts[i] != nullptr && age > fields[i]->age) {
                *fields[i] = {std::string(texts[i]), age};
            }
        }
    }
    if (const cells::Value& price = value(ProductPass::kPrice); !price.null && age > product.price.age) {
        product.price = {price.wide ? std::string(price.text) : price.amount.to_string(), age};
        const cells::Value& currency = value(ProductPass::kCurrency);
        product.currency = currency.null ? std::nullopt : std::optional<std::string>(currency.text);
    }
}

bool ProductWriter::finish(Datum seen) {
    std::vector<const Product*> rows;
    rows.reserve(products_.size());
    for (const auto& [hash, product] : products_) {
        rows.push_back(&product);
    }
    static constexpr Oid kTexts = TEXTARRAYOID;
    static constexpr Oid kTimes = TIMESTAMPTZARRAYOID;
    static constexpr std::array kTypes = {kTexts, kTexts, kTexts, kTimes, kTexts, kTimes,
                                          kTexts, kTimes, kTexts, kTexts, kTimes, Oid{PG_SNAPSHOTOID}};
    static pg::Statement kLearn("SELECT analytics.learn_news($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                                kTypes);
    const auto texts = [&](auto&& of) {
        return pg::protect([&] { return pg::text_array(rows.size(), [&](std::size_t i) { return of(*rows[i]); }); });
    };
    using Text = std::optional<std::string_view>;
    const auto values = [&](Field Product::*field) {
        return texts([&](const Product& product) { return Text((product.*field).value); });
    };
    const auto times = [&](Field Product::*field) {
        return pg::protect([&] {
            return pg::timestamp_array(rows.size(), [&](std::size_t i) {
                const Field& held = rows[i]->*field;
                return held.value ? std::optional<TimestampTz>(held.age.at) : std::nullopt;
            });
        });
    };
    const pg::Result result = kLearn.execute(
        {texts([](const Product& product) { return Text(product.store); }),
         texts([](const Product& product) { return Text(product.id); }), values(&Product::name), times(&Product::name),
         values(&Product::category), times(&Product::category), values(&Product::brand), times(&Product::brand),
         values(&Product::price), texts([](const Product& product) { return Text(product.currency); }),
         times(&Product::price), seen});
    return !result[0].is_null(1);
}

}  // namespace analytics::cell_pass
