"""Read exports of labelling tools: Label Studio's tasks, COCO's images and annotations, Vertex AI's lines."""

from collections.abc import Iterator
from typing import Any

from pawprint.labels.tabular.records import as_text
from pawprint.labels.tabular.sheet import Sheet, make_sheet

IMAGE_KEYS = ("image", "img", "photo", "picture", "url")


def find_exports(member: str, content: Any) -> Iterator[Sheet]:
    """Yield the tables in a JSON value if a labelling tool wrote it."""
    if is_coco(content):
        yield _read_coco(member, content)
    elif is_label_studio(content):
        yield from _read_tasks(member, content)
    elif isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
        yield from _read_payloads(member, content)


def is_coco(content: Any) -> bool:
    """Return whether a JSON value has COCO's format."""
    return isinstance(content, dict) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    )


def is_label_studio(content: Any) -> bool:
    """Return whether a JSON value is a list of Label Studio's tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in content)
        and any("annotations" in task or "completions" in task for task in content)
    )


def has_boxes(content: Any) -> bool:
    """Return whether most annotations of a labelling tool's export are boxes or outlines."""
    if is_coco(content):
        marks = [item for item in content["annotations"] if isinstance(item, dict)]
        return sum(bool(mark.get("bbox") or mark.get("segmentation")) for mark in marks) > 0.5 * max(len(marks), 1)
    if is_label_studio(content):
        kinds = [result.get("type") for task in content for result in _results(task)]
        return bool(kinds) and sum(kind not in {"choices", "taxonomy"} for kind in kinds) > 0.5 * len(kinds)
    return False


def _read_coco(member: str, content: dict[str, Any]) -> Sheet:
    """Return a row for each image and each category of its annotations."""
    names = {
        as_text(item["id"]): as_text(item["name"])
        for item in content["categories"]
        if isinstance(item, dict) and "id" in item and "name" in item
    }
    given: dict[str, dict[str, None]] = {}
    for mark in content["annotations"]:
        if isinstance(mark, dict) and "image_id" in mark and "category_id" in mark:
            category = as_text(mark["category_id"])
            given.setdefault(as_text(mark["image_id"]), {})[names.get(category, category)] = None
    images = [item for item in content["images"] if isinstance(item, dict) and "file_name" in item]
    plain = [
        key
        for key in dict.fromkeys(key for image in images[:1000] for key in image)
        if key not in {"file_name", "width", "height", "license", "coco_url", "flickr_url"}
        and not any(isinstance(image.get(key), list | dict) for image in images[:1000])
    ]
    rows = (
        [as_text(image["file_name"]), category, *(as_text(image.get(key)) for key in plain)]
        for image in images
        for category in given.get(as_text(image.get("id")), {"": None})
    )
    return make_sheet(member, ["file_name", "category", *plain], rows)


def _read_tasks(member: str, tasks: list[dict[str, Any]]) -> Iterator[Sheet]:
    """Yield one table for the choices in Label Studio's tasks, with a column for each question."""
    questions = list(
        dict.fromkeys(
            as_text(result.get("from_name")) for task in tasks for result in _results(task) if _choices(result)
        )
    )
    if not questions:
        return
    rows = []
    for task in tasks:
        image = next((task["data"][key] for key in IMAGE_KEYS if key in task["data"]), None)
        image = image or next((value for value in task["data"].values() if isinstance(value, str)), "")
        results = list(_results(task))
        marks = [
            [choice for result in results if as_text(result.get("from_name")) == name for choice in _choices(result)]
            for name in questions
        ]
        # Several choices make several rows, which marks the photo as having several labels.
        rows += [
            [as_text(image), *(given[min(at, len(given) - 1)] if given else "" for given in marks)]
            for at in range(max(1, *map(len, marks)))
        ]
    yield make_sheet(member, ["image", *questions], rows)


def _results(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    annotations = task.get("annotations") or task.get("completions") or []
    for annotation in annotations if isinstance(annotations, list) else []:
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            results = annotation.get("result")
            yield from (result for result in results or [] if isinstance(result, dict))


def _choices(result: dict[str, Any]) -> list[str]:
    value = result.get("value")
    choices = value.get("choices") if isinstance(value, dict) else None
    return [as_text(choice) for choice in choices] if isinstance(choices, list) else []


def _read_payloads(member: str, items: list[dict[str, Any]]) -> Iterator[Sheet]:
    """Yield the table in Vertex AI's lines: `imageGcsUri` with `classificationAnnotation`."""
    rows = []
    for item in items:
        payload = item.get("imagePayload")
        uri = item.get("imageGcsUri") or (payload.get("imageUri") if isinstance(payload, dict) else None)
        mark = item.get("classificationAnnotation")
        if not isinstance(uri, str) or not isinstance(mark, dict):
            return
        resource = item.get("dataItemResourceLabels")
        use = resource.get("aiplatform.googleapis.com/ml_use") if isinstance(resource, dict) else ""
        rows.append([uri, as_text(mark.get("displayName")), as_text(use)])
    yield make_sheet(member, ["image", "label", "ml_use"], rows)
