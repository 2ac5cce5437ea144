"""Files are found whatever the spelling of their names."""

from marklens.core.file_names import FileFinder, fold


def test_case_accents_and_separators_do_not_matter() -> None:
    assert fold("A\\Cafe\u0301.PNG") == fold("a/café.png") == "a/café.png"
    assert fold("./x.png") == "x.png"


def test_a_path_beats_a_bare_name_and_a_bare_name_may_be_ambiguous() -> None:
    finder = FileFinder({1: "a/x.png", 2: "b/X.png", 3: "y.png"})
    assert finder.find("B/x.PNG") == [2]
    assert finder.find("x.png") == [1, 2]
    assert finder.find("elsewhere/y.png") == [3]
    assert finder.find("z.png") == []


def test_a_name_without_a_folder_may_mean_any_a_path_only_itself() -> None:
    finder = FileFinder({1: "b/logo.png", 2: "c/logo.png"})
    assert finder.find("LOGO.png") == [1, 2] and finder.find("B/logo.png") == [1]
    assert finder.find("a/logo.png") == []


def test_the_same_name_in_another_folder_is_another_file() -> None:
    finder = FileFinder({0: "adidas/57.png", 1: "nike/1.png", 2: "x/logos/a.png"})
    assert finder.find("nike/57.png") == []
    assert finder.find("57.png") == finder.find("data/adidas/57.png") == [0]
    assert finder.find("logos/A.png") == [2] and finder.find("x/a.png") == []
