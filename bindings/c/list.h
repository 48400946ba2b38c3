// Lists that C asks for one by one.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "bindings/c/answer.h"

namespace hwalloc::c {

// A new list goes to the caller. `List` has the values as its only member.
template<class List, class T>
int answer_list(Result<std::vector<T>> made, List** list, hwalloc_error** error) noexcept {
    if (!list)
        return refuse_null("there is no place for the list", error);
    if (!made)
        return refuse(made.error(), error);
    return give(new (std::nothrow) List{*std::move(made)}, list, error);
}

// One of its values as a struct of C, which `convert` makes.
template<class List, class S, class F>
int answer_entry(const List* list, std::size_t index, S* to, hwalloc_error** error, F&& convert) noexcept {
    if (!list || !to || index >= list->values.size())
        return refuse_null(!list ? "there is no list"
                           : !to ? "there is no place for what is in the list"
                                 : "the list has not so many",
                           error);
    return answer(write_struct(to, convert(list->values[index])), error);
}

} // namespace hwalloc::c
